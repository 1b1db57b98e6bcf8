import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import type { ServiceOperations } from "../../model/traces";
import { useQueryState } from "../../state/location";

/** `k=v k2="two words"` as the server wants them: one `k=v` each. */
export function readTags(text: string): readonly string[] {
  return [...text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|\S+)/g)].map(([, name = "", value = ""]) => {
    const bare = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
    return `${name}=${bare}`;
  });
}

const DURATION = /^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$/;

interface TextProps {
  name: string;
  label: string;
  placeholder: string;
  isWrong?: (text: string) => boolean;
}

/** A field that goes into the address when it is left or Enter is pressed. */
function AddressText({ name, label, placeholder, isWrong }: TextProps) {
  const [query, change] = useQueryState();
  const [text, setText] = useState(query.get(name) ?? "");
  const wrong = text !== "" && (isWrong?.(text) ?? false);
  const apply = () => {
    if (!wrong && text !== (query.get(name) ?? "")) change({ [name]: text.trim() });
  };
  return (
    <TextInput
      size="xs"
      label={label}
      placeholder={placeholder}
      value={text}
      error={wrong && "write 10ms or 1.5s"}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={apply}
      onKeyDown={(event) => event.key === "Enter" && apply()}
      {...(name === "tags" ? { "data-search": true } : {})}
      spellCheck={false}
    />
  );
}

/** What to look for. Everything is in the address. */
export function SearchForm({ services }: { services: readonly ServiceOperations[] }) {
  const [query, change] = useQueryState();
  const service = query.get("service");
  const chosen = services.find((one) => one.name === service);
  const operations = [...new Set((chosen ? [chosen] : services).flatMap((one) => one.operations.map((operation) => operation.name)))].sort();
  const names = services.map((one) => one.name);
  const withOwn = (all: readonly string[], own: string | null) => (own && !all.includes(own) ? [own, ...all] : [...all]);
  return (
    <div className="as-trace-form">
      <Select
        size="xs"
        label="Service"
        placeholder="any"
        searchable
        clearable
        data={withOwn(names, service)}
        value={service}
        onChange={(value) => change({ service: value, operation: null })}
      />
      <Select
        size="xs"
        label="Operation"
        placeholder="any"
        searchable
        clearable
        data={withOwn(operations, query.get("operation"))}
        value={query.get("operation")}
        onChange={(value) => change({ operation: value })}
      />
      <AddressText key={`tags ${query.get("tags")}`} name="tags" label="Tags" placeholder='http.status_code=500 wallet="cold 1"' />
      <AddressText
        key={`min ${query.get("min")}`}
        name="min"
        label="Longer than"
        placeholder="10ms"
        isWrong={(text) => !DURATION.test(text.trim())}
      />
      <AddressText
        key={`max ${query.get("max")}`}
        name="max"
        label="Shorter than"
        placeholder="1.5s"
        isWrong={(text) => !DURATION.test(text.trim())}
      />
      <Select
        size="xs"
        label="Status"
        placeholder="any"
        clearable
        data={[
          { value: "error", label: "with errors" },
          { value: "ok", label: "ok" },
        ]}
        value={query.get("status")}
        onChange={(value) => change({ status: value })}
      />
      <Select
        size="xs"
        label="Show"
        allowDeselect={false}
        data={["20", "50", "100", "200", "500"].map((value) => ({ value, label: `${value} traces` }))}
        value={query.get("limit") ?? "50"}
        onChange={(value) => change({ limit: value })}
      />
      <Button
        size="xs"
        variant="default"
        onClick={() => change({ service: null, operation: null, tags: null, min: null, max: null, status: null })}
      >
        Clear
      </Button>
    </div>
  );
}
