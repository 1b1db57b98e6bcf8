import { useEffect, type ReactNode } from "react";

/** A screen: its name in the window's title and as heading, its controls beside it. */
export function Page({ title, controls, children }: { title: string; controls?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · anyascope`;
  }, [title]);
  return (
    <div className="as-page">
      <header className="as-page-head">
        <h1>{title}</h1>
        {controls}
      </header>
      {children}
    </div>
  );
}
