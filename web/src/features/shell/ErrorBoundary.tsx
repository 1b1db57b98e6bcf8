import { Component, type ReactNode } from "react";

import { Failure } from "../../ui/States";

/** A fault of one page is told in its place; the navigation stays. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { problem: unknown }> {
  override state = { problem: null as unknown };

  static getDerivedStateFromError(problem: unknown): { problem: unknown } {
    return { problem };
  }

  override render(): ReactNode {
    if (this.state.problem === null) return this.props.children;
    return <Failure problem={this.state.problem} what="This page" onRetry={() => window.location.reload()} />;
  }
}
