import { ActionIcon, Button, Menu, TextInput } from "@mantine/core";
import { useState } from "react";

import { useHistory } from "../state/stored";
import { Icon } from "./icons";

interface Props {
  value: string;
  label: string;
  placeholder: string;
  /** Under which name the texts typed before are remembered. */
  history: string;
  onRun: (text: string) => void;
}

/** One line of search: Enter runs it, the clock has those typed before. */
export function SearchBar({ value, label, placeholder, history, onRun }: Props) {
  const [text, setText] = useState(value);
  const [entries, remember] = useHistory(history);
  const run = (wanted: string) => {
    remember(wanted);
    onRun(wanted.trim());
  };
  return (
    <form
      className="as-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        run(text);
      }}
    >
      <TextInput
        className="as-grow"
        size="sm"
        data-search
        aria-label={label}
        placeholder={placeholder}
        leftSection={<Icon name="search" size={15} />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        spellCheck={false}
        autoComplete="off"
        rightSection={
          text && (
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Clear" onClick={() => run("")}>
              <Icon name="close" size={13} />
            </ActionIcon>
          )
        }
      />
      <Menu position="bottom-end" width={420} shadow="md">
        <Menu.Target>
          <ActionIcon variant="default" size={34} aria-label="Searches typed before" disabled={entries.length === 0}>
            <Icon name="history" size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown mah={360} className="as-menu-scroll">
          {entries.map((entry) => (
            <Menu.Item key={entry} className="as-mono" onClick={() => run(entry)}>
              {entry}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Button type="submit" size="sm">
        Search
      </Button>
    </form>
  );
}
