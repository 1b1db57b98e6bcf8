/** Numbers as people read them: three significant digits and a unit, never a bare large number. */

export type Unit =
  | "bytes"
  | "bytes/s"
  | "bits/s"
  | "seconds"
  | "ratio"
  | "percent"
  | "per second"
  | "count"
  | "celsius"
  | "sats"
  | "timestamp"
  | "none";

/** What stands for "there is no number": kept apart from zero. */
export const NO_VALUE = "–";

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];

/** Three significant digits without trailing zeros; exponents where a plain number would be unreadable. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-4 || size >= 1e15) return value.toExponential(2);
  if (size >= 1000) return value.toFixed(0);
  const rounded = value.toPrecision(3);
  return rounded.includes(".") ? rounded.replace(/\.?0+$/, "") : rounded;
}

function scaled(value: number, step: number, names: readonly string[], space: string): string {
  let rest = value;
  let power = 0;
  // 999.5 would be shown as 1000 of the smaller unit.
  while (Math.abs(rest) >= step * 0.9995 && power < names.length - 1) {
    rest /= step;
    power += 1;
  }
  const name = names[power] ?? "";
  return name ? `${digits(rest)}${space}${name}` : digits(rest);
}

/** A length of time in seconds as one or two units: `340 µs`, `1.5 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return NO_VALUE;
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.9995e-6) return `${digits(seconds * 1e9)} ns`;
  if (size < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (size < 59.95) return `${digits(seconds)} s`;
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.round(size);
  const pairs: [number, string, number, string][] = [
    [31_557_600, "y", 86_400, "d"],
    [86_400, "d", 3_600, "h"],
    [3_600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  for (const [large, largeName, small, smallName] of pairs) {
    if (whole >= large) {
      const rest = Math.floor((whole % large) / small);
      return `${sign}${Math.floor(whole / large)} ${largeName}${rest ? ` ${rest} ${smallName}` : ""}`;
    }
  }
  return `${sign}${whole} s`;
}

/** A number with its unit; `NO_VALUE` where there is none, `∞` where it has no bound. */
export function formatValue(value: number | null | undefined, unit: Unit = "none"): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NO_VALUE;
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : "-∞";
  switch (unit) {
    case "bytes":
      return scaled(value, 1024, BINARY, " ");
    case "bytes/s":
      return `${scaled(value, 1024, BINARY, " ")}/s`;
    case "bits/s":
      return `${scaled(value, 1000, DECIMAL, " ")}bit/s`;
    case "seconds":
      return formatDuration(value);
    case "ratio":
      return `${digits(value * 100)} %`;
    case "percent":
      return `${digits(value)} %`;
    case "per second":
      return `${scaled(value, 1000, DECIMAL, " ")}/s`;
    case "celsius":
      return `${digits(value)} °C`;
    case "sats":
      return `${value.toLocaleString("en")} sat`;
    case "timestamp":
      return new Date(value * 1000).toISOString();
    case "count":
    case "none":
      return scaled(value, 1000, DECIMAL, " ");
  }
}

const SUFFIXES: [RegExp, Unit][] = [
  [/_timestamp_seconds$|_time_seconds$/, "timestamp"],
  [/_bytes$|_bytes_total$|Bytes$/, "bytes"],
  [/_seconds$|_seconds_total$|_seconds_bucket$|_seconds_sum$/, "seconds"],
  [/_ratio$/, "ratio"],
  [/_percent$/, "percent"],
  [/_celsius$/, "celsius"],
  [/_sat$|_sats$/, "sats"],
];

/** Functions under which a counter becomes "so much a second". */
const RATES = /\b(rate|irate|deriv)\s*\(/;
const UNITLESS = /\b(count|count_values|group|changes|resets|absent|sgn|quantile_over_time_rank)\s*(by|without)?\s*\(/;

/**
 * The unit of an expression, guessed from the metric's name as Prometheus' naming rules give it.
 *
 * A quotient of two equal units is a ratio; a rate of seconds is one too.
 */
export function unitOfExpression(expression: string): Unit {
  const bare = expression.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "").replace(/\{[^}]*\}/g, "");
  if (UNITLESS.test(bare) || /[=!<>]=?\s*bool\b/.test(bare)) return "none";
  const names = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? [];
  const units = names.map((name) => SUFFIXES.find(([suffix]) => suffix.test(name))?.[1]).filter((unit) => unit);
  const unit = units[0];
  if (!unit) return RATES.test(bare) ? "per second" : "none";
  const isQuantile = /\bhistogram_quantile\s*\(/.test(bare);
  if (bare.includes("/") && units.length > 1 && units.every((other) => other === unit)) return "ratio";
  if (/\btime\s*\(\)/.test(bare) && unit === "timestamp") return "seconds";
  if (RATES.test(bare) && !isQuantile) {
    if (unit === "bytes") return "bytes/s";
    if (unit === "seconds") return bare.includes("/") ? "seconds" : "ratio";
    return "per second";
  }
  if (/\*\s*100\b/.test(bare) && bare.includes("/")) return "percent";
  return unit;
}
