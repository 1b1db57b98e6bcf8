import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

/** Our own colour: the green-blue of an oscilloscope's trace. */
const scope: MantineColorsTuple = [
  "#e3fbf7", "#cdf3ec", "#9fe7da", "#6cdac6", "#45cfb6", "#2dc8ab", "#1aa88f", "#087464", "#066e5f", "#00564a",
];

/** Surfaces and text in the dark: a blue-grey that lets coloured lines stand out. */
const dark: MantineColorsTuple = [
  "#d6dee6", "#aebbc7", "#8496a6", "#5c6f80", "#34444f", "#24323c", "#18232b", "#111a21", "#0c1319", "#070c10",
];

export const theme = createTheme({
  primaryColor: "scope",
  primaryShade: 7, // below white text 5.6 to 1, in the dark too
  colors: { scope, dark },
  defaultRadius: "sm",
  cursorType: "pointer",
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "JetBrains Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.25rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.875rem" } } },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
});

/** Meanings that differ between light and dark. Contrast of text on its surface is at least 4.5 to 1. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f4f6f8",
    "--mantine-color-dimmed": "#566573",
    "--mantine-color-placeholder": "#66737f",
    "--mantine-color-error": "#c12a26",
    "--as-surface": "#ffffff",
    "--as-raised": "#f0f3f6",
    "--as-line": "#dbe2e8",
    "--as-text": "#15212b",
    "--as-dim": "#566573",
    "--as-accent": "#087464",
    "--as-accent-soft": "#dcf3ef",
    "--as-ok": "#0b774f",
    "--as-fatal": "#a3123f",
    "--as-error": "#c12a26",
    "--as-warn": "#955700",
    "--as-info": "#1c69ad",
    "--as-debug": "#5b6b80",
    "--as-trace": "#5f6b78",
    "--as-measured": "#7c4fbf",
    "--as-mark": "#ffe9a8",
  },
  dark: {
    "--mantine-color-body": "#0b1217",
    "--mantine-color-dimmed": "#93a4b3",
    "--mantine-color-placeholder": "#8798a7",
    "--mantine-color-error": "#ff7a70",
    "--as-surface": "#121b22",
    "--as-raised": "#1a252e",
    "--as-line": "#26343f",
    "--as-text": "#dbe4eb",
    "--as-dim": "#93a4b3",
    "--as-accent": "#3fd3b8",
    "--as-accent-soft": "#10322f",
    "--as-ok": "#3ccf91",
    "--as-fatal": "#ff5c8a",
    "--as-error": "#ff7a70",
    "--as-warn": "#f5b04a",
    "--as-info": "#62b4ff",
    "--as-debug": "#93a4b3",
    "--as-trace": "#7f909f",
    "--as-measured": "#b794e8",
    "--as-mark": "#5b4a12",
  },
});
