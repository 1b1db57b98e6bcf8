/** Waves that look like a machine, a different one for each query. */

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = (Math.imul(value, 31) + letter.charCodeAt(0)) >>> 0;
  return value;
}

const SHARES = /avail|_ratio|idle|Mem/;

function wave(query: string, series: number, timeS: number): number {
  const seed = (hash(query) % 97) + series * 13;
  const slow = Math.sin((timeS + seed * 70) / 420);
  const fast = Math.sin((timeS + seed * 11) / 37) * 0.3;
  const noise = ((hash(`${timeS}${seed}`) % 1000) / 1000 - 0.5) * 0.2;
  const unit = Math.max(0.02, 0.45 + 0.22 * slow + 0.12 * fast + 0.1 * noise);
  if (SHARES.test(query)) return unit;
  if (/bytes/.test(query)) return unit * 4_000_000 * (series + 1);
  if (/seconds/.test(query)) return unit * 0.05;
  return unit * 40 * (series + 1);
}

function labelsOf(query: string): Record<string, string>[] {
  if (!/\bby\b|^[a-z_]+(\{.*\})?$|rate\([a-z_]+(\{[^}]*\})?\[\w+\]\)$/.test(query)) return [{}];
  const name = /^[a-zA-Z_:]+/.exec(query)?.[0] ?? "";
  const modes = ["user", "system", "iowait", "steal", "idle"];
  return modes.map((mode) => ({ ...(query.startsWith("rate") || query.startsWith("sum") ? {} : { __name__: name }), instance: "vault-1:9100", job: "node", mode }));
}

export function range(params: URLSearchParams): unknown {
  const query = params.get("query") ?? "";
  const start = Number(params.get("start"));
  const end = Number(params.get("end"));
  const step = Number(params.get("step"));
  const count = Math.floor((end - start) / step) + 1;
  const times = Array.from({ length: count }, (_, index) => start + index * step);
  return {
    resultType: "matrix",
    result: labelsOf(query).map((metric, series) => ({ metric, values: times.map((time) => [time, String(wave(query, series, time))]) })),
  };
}

export function instant(params: URLSearchParams): unknown {
  const query = params.get("query") ?? "";
  const time = Number(params.get("time")) || Date.now() / 1000;
  return { resultType: "vector", result: labelsOf(query).map((metric, series) => ({ metric, value: [time, String(wave(query, series, time))] })) };
}
