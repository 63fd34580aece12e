/** Parts of the page that fail alone: what is wrong with one is said in its place, and the others, with the race, go on. */
import { Component, type ComponentType, createElement, lazy, type ReactNode, useReducer } from "react";
import { FaultText, Notice } from "./notice.tsx";

/** A part that is fetched when it is first shown. Where that fails it can be tried again. */
export function later<P extends object>(load: () => Promise<{ readonly default: ComponentType<P> }>): ComponentType<P> {
  let part = lazy(load);
  // biome-ignore lint/correctness/noComponentHookFactories: called at the top of a file, once for each part, as React's own lazy is
  return function Later(props: P) {
    const [attempt, tryAgain] = useReducer((count: number) => count + 1, 0);
    const onRetry = () => {
      part = lazy(load); // which remembers a failure for good
      tryAgain();
    };
    return (
      <Contained key={attempt} onRetry={onRetry}>
        {createElement(part as ComponentType<P>, props)}
      </Contained>
    );
  };
}

interface Props {
  readonly onRetry?: () => void;
  readonly children: ReactNode;
}

export class Contained extends Component<Props, { readonly error: Error | null }> {
  override state: { readonly error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { readonly error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    const retry = this.props.onRetry ?? (() => this.setState({ error: null }));
    const fault = {
      kind: "internal",
      what: error.message,
      kept: "Your images, your settings and the race: it goes on.",
      todo: "Try again. If it stays so, let the race end, then reload the page.",
    } as const;
    return (
      <Notice kind="error">
        <FaultText title="This part of the page could not be shown" fault={fault} />
        <button type="button" onClick={retry}>
          Try again
        </button>
      </Notice>
    );
  }
}
