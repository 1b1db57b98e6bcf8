import { MantineProvider, localStorageColorSchemeManager } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";

import { ApiProblem } from "../../model/problem";
import { cssVariables, theme } from "../../ui/theme";
import { styleNonce } from "../../ui/trusted";
import { Shell } from "./Shell";

const RETRIES_MAX = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: false,
      // The server may run on this very machine: what the browser thinks of its network says nothing of that.
      networkMode: "always",
      // A refusal stays one; only a server that was away is asked again.
      retry: (failures, error) => error instanceof ApiProblem && (error.status === 0 || error.status === 503) && failures < RETRIES_MAX,
    },
  },
});

const schemes = localStorageColorSchemeManager({ key: "anyascope.scheme" });

export function App() {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={schemes}
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={client}>
        <Shell />
      </QueryClientProvider>
    </MantineProvider>
  );
}
