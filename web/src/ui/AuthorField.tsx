import { TextInput } from "@mantine/core";

export const AUTHOR_CHARS_MAX = 128; // a name or an address, not a letter

interface Props {
  value: string;
  onChange: (name: string) => void;
  /** Whether a dialog begins here. */
  isFirst?: boolean;
}

/** Who acts; remembered by this browser, so that it is typed once. */
export function AuthorField({ value, onChange, isFirst = false }: Props) {
  return (
    <TextInput
      label="Your name"
      description="Kept in this browser, written beside what you do."
      size="xs"
      required
      data-autofocus={isFirst || undefined}
      maxLength={AUTHOR_CHARS_MAX}
      autoComplete="name"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
