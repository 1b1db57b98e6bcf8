/** Our icons: 24 by 24, drawn with one stroke. They say nothing alone: whoever uses one writes its name beside it. */

const PATHS = {
  now: "M3 12h4l2.5-6 4 13 3-9 1.5 2H21",
  metrics: "M4 4v16h16M8 15l3.5-4 3 2.5L20 7",
  logs: "M5 6h14M5 10h14M5 14h9M5 18h11",
  traces: "M4 6h9M8 11h10M8 16h6M14 20h6",
  alerts: "M12 4a5 5 0 0 1 5 5v4l2 3H5l2-3V9a5 5 0 0 1 5-5M10 19a2 2 0 0 0 4 0",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  help: "M9.2 9.2a2.9 2.9 0 1 1 4.2 2.7c-.9.5-1.4 1.1-1.4 2.1M12 17.2v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8v4l3 2",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12M20 20l-4.5-4.5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  chevron: "M9 6l6 6-6 6",
  play: "M8 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  refresh: "M20 11a8 8 0 0 0-14-4.5L4 9M4 4v5h5M4 13a8 8 0 0 0 14 4.5l2-2.5M20 20v-5h-5",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "M5 12.5l4.500 4.500L19 7.500",
  warning: "M12 4 21 19H3zM12 10v4M12 16.700v.1",
  history: "M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4l3 2",
  out: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  silence: "M5 16h14l-2-3V9a5 5 0 0 0-8.500-3.500M7 9v4l-2 3M10 19a2 2 0 0 0 4 0M4 4l16 16",
  routing: "M5 12h5M10 12l4-6h5M10 12l4 6h5M16.500 3.500 19 6l-2.500 2.500M16.500 15.500 19 18l-2.500 2.500",
  custody: "M12 3l8 3v6c0 4.500-3.300 7.700-8 9-4.700-1.300-8-4.500-8-9V6zM12 9.500a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600M12 13v3",
  correlation: "M5 4.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3M5 16.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3M19 10.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3M6.500 6c6 0 5 6 11 6M6.500 18c6 0 5-6 11-6",
  objectives: "M12 4a8 8 0 1 0 8 8M12 8.500a3.500 3.500 0 1 0 3.500 3.500M12 12l7.500-7.500M16.500 4.500v3h3",
  runbooks: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11M9 8h6",
  fields: "M4 5h6v14H4zM14 5h6M14 10h6M14 15h6M14 19h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: a scope that looks at a pulse. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#0b3f45" />
      <circle cx="16" cy="16" r="10.5" fill="none" stroke="#35d0ba" strokeWidth="2.2" />
      <path
        d="M3.500 16h7l2.600-6 4.600 12.500 3.200-8.500 1.600 2h6"
        fill="none"
        stroke="#f7b955"
        strokeWidth="2.2"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}
