import { useComputedColorScheme } from "@mantine/core";

/** Whether the page is dark now: canvases cannot read the style sheet's variables. */
export function useIsDark(): boolean {
  return useComputedColorScheme("dark", { getInitialValueInEffect: false }) === "dark";
}
