import { formatTime, zoneName, type Zone } from "../model/time";
import { formatDuration } from "../model/units";

export interface ScatterPoint {
  readonly id: string;
  readonly timeMs: number;
  readonly durationS: number;
  readonly weight: number;
  readonly isError: boolean;
  readonly label: string;
}

interface Props {
  points: readonly ScatterPoint[];
  zone: Zone;
  onOpen: (id: string) => void;
}

const LEAST_S = 1e-6; // a duration of zero has no logarithm
const RADIUS_MIN = 3.5;
const RADIUS_MAX = 9;

/** Powers of ten around the durations: the scale is logarithmic, because durations are. */
export function decades(durations: readonly number[]): readonly [number, number] {
  const logs = durations.map((seconds) => Math.log10(Math.max(seconds, LEAST_S)));
  const low = Math.floor(Math.min(...logs));
  return [low, Math.max(Math.ceil(Math.max(...logs)), low + 1)];
}

/** When each was and how long it took; larger with more spans, a square where something failed. */
export function Scatter({ points, zone, onOpen }: Props) {
  const [low, high] = decades(points.map((point) => point.durationS));
  const times = points.map((point) => point.timeMs);
  const first = Math.min(...times);
  const last = Math.max(...times, first + 1);
  const most = Math.max(...points.map((point) => point.weight), 1);
  const powers = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const yOf = (seconds: number) => 100 - ((Math.log10(Math.max(seconds, LEAST_S)) - low) / (high - low)) * 100;
  return (
    <div className="as-scatter">
      <div className="as-scatter-axis" aria-hidden="true">
        {powers.map((power) => (
          <span key={power} style={{ top: `${yOf(10 ** power)}%` }}>
            {formatDuration(10 ** power)}
          </span>
        ))}
      </div>
      <svg role="group" aria-label="Durations of the traces over time">
        {powers.map((power) => (
          <line key={power} x1="0" x2="100%" y1={`${yOf(10 ** power)}%`} y2={`${yOf(10 ** power)}%`} className="as-scatter-grid" />
        ))}
        {points.map((point) => {
          const radius = RADIUS_MIN + (RADIUS_MAX - RADIUS_MIN) * Math.sqrt(point.weight / most);
          // A little inside, so that the outermost points are whole.
          const x = `${1.5 + ((point.timeMs - first) / (last - first)) * 97}%`;
          const y = `${yOf(point.durationS)}%`;
          const title = <title>{`${point.label}\n${formatDuration(point.durationS)}, ${formatTime(point.timeMs, zone)} ${zoneName(zone, point.timeMs)}`}</title>;
          const shared = { className: "as-scatter-point", onClick: () => onOpen(point.id) };
          return point.isError ? (
            <rect key={point.id} x={x} y={y} width={radius * 2} height={radius * 2} transform={`translate(${-radius} ${-radius})`} data-error {...shared}>
              {title}
            </rect>
          ) : (
            <circle key={point.id} cx={x} cy={y} r={radius} {...shared}>
              {title}
            </circle>
          );
        })}
      </svg>
      <div className="as-row as-small as-dim as-scatter-ends">
        <span>{formatTime(first, zone)}</span>
        <span className="as-end">
          {formatTime(last, zone)} {zoneName(zone, last)}
        </span>
      </div>
    </div>
  );
}
