interface Props {
  values: readonly (number | null)[];
  color: string;
  label: string;
  /** Fixed ends of the scale, where the values have natural ones (a share has 0 and 1). */
  least?: number;
  most?: number;
}

const WIDTH = 240;
const HEIGHT = 44;

/** Pieces of a line between gaps, as points of the picture. */
export function pieces(values: readonly (number | null)[], low: number, high: number): (readonly [number, number])[][] {
  const found: (readonly [number, number])[][] = [];
  let piece: (readonly [number, number])[] = [];
  const step = WIDTH / Math.max(values.length - 1, 1);
  const scale = high > low ? (HEIGHT - 4) / (high - low) : 0;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      if (piece.length) found.push(piece);
      piece = [];
    } else {
      piece.push([index * step, HEIGHT - 2 - (value - low) * scale]);
    }
  }
  if (piece.length) found.push(piece);
  return found;
}

/** The shape of the last minutes without axes; the number beside it says how much. */
export function Sparkline({ values, color, label, least, most }: Props) {
  const known = values.filter((value) => value !== null);
  const low = least ?? Math.min(0, ...known);
  const high = most ?? Math.max(...known, low + Number.EPSILON);
  const lines = known.length ? pieces(values, low, high) : [];
  return (
    <svg className="as-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {lines.map((points) => {
        const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
        const first = points[0]?.[0] ?? 0;
        const last = points[points.length - 1]?.[0] ?? 0;
        return (
          <g key={first}>
            <polygon points={`${first},${HEIGHT} ${line} ${last},${HEIGHT}`} fill={color} opacity="0.14" />
            <polyline points={line} fill="none" stroke={color} strokeWidth="1.5" vectorEffect="non-scaling-stroke" strokeLinejoin="round" />
          </g>
        );
      })}
    </svg>
  );
}
