import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

// features → charts | ui | api | state → model: a folder may name only those below it.
const floors = {
  model: ["state", "api", "ui", "charts", "features"],
  state: ["api", "ui", "charts", "features"],
  api: ["state", "ui", "charts", "features"],
  ui: ["api", "charts", "features"],
  charts: ["api", "ui", "features"],
};

const floorRules = Object.entries(floors).map(([folder, above]) => ({
  files: [`src/${folder}/**`],
  rules: {
    "no-restricted-imports": [
      "error",
      { patterns: [{ group: above.map((name) => `**/${name}/**`), message: `${folder} stands below that folder` }] },
    ],
  },
}));

export default tseslint.config(
  { ignores: ["node_modules", "dist"] },
  ...tseslint.configs.strict,
  ...tseslint.configs.stylistic,
  hooks.configs.flat["recommended-latest"],
  {
    rules: {
      "no-console": "error",
      "max-lines-per-function": ["error", { max: 150, skipComments: true, skipBlankLines: true }],
      "max-lines": ["error", { max: 600 }],
    },
  },
  {
    // Only `api` fetches: everything else is given its data.
    files: ["src/**"],
    ignores: ["src/api/**"],
    rules: { "no-restricted-globals": ["error", "fetch", "EventSource", "XMLHttpRequest"] },
  },
  ...floorRules,
);
