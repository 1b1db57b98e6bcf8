import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "react";

import { styleNonce } from "./trusted";

/** Where names, labels and values for completion come from. */
export interface CompletionSource {
  readonly url: string;
  readonly apiPrefix: string;
  readonly fetchFn: (input: RequestInfo, init?: RequestInit) => Promise<Response>;
}

interface Props {
  value: string;
  label: string;
  completion: CompletionSource;
  onChange: (text: string) => void;
  onRun: () => void;
}

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--as-accent)", fontWeight: "600" },
  { tag: tags.function(tags.variableName), color: "var(--as-info)" },
  { tag: [tags.string], color: "var(--as-ok)" },
  { tag: tags.number, color: "var(--as-warn)" },
  { tag: [tags.labelName], color: "var(--as-fatal)" },
  { tag: tags.operator, color: "var(--as-dim)" },
  { tag: tags.modifier, color: "var(--as-accent)" },
  { tag: tags.invalid, color: "var(--as-error)" },
  { tag: tags.comment, color: "var(--as-dim)", fontStyle: "italic" },
]);

const looks = EditorView.theme({
  "&": { fontSize: "13.5px", backgroundColor: "transparent", color: "var(--as-text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--as-mono)", caretColor: "var(--as-accent)", padding: "8px 0" },
  ".cm-scroller": { lineHeight: "1.5", maxHeight: "240px" },
  ".cm-cursor": { borderLeftColor: "var(--as-accent)" },
  ".cm-placeholder": { color: "var(--as-dim)" },
  ".cm-matchingBracket": { backgroundColor: "var(--as-accent-soft)" },
  ".cm-tooltip": {
    backgroundColor: "var(--as-surface)",
    color: "var(--as-text)",
    border: "1px solid var(--as-line)",
    borderRadius: "6px",
    boxShadow: "0 4px 16px rgb(0 0 0 / 25%)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", fontFamily: "var(--as-mono)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--as-accent-soft)", color: "var(--as-accent)" },
  ".cm-completionDetail": { color: "var(--as-dim)", fontStyle: "normal", marginLeft: "1em" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionInfo": { maxWidth: "360px", padding: "8px 10px", marginLeft: "4px" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--as-error)" },
});

/**
 * Types over a selection ourselves.
 *
 * Chromium would keep the replaced text's look with an inline style, which the page's policy forbids and reports.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const { from, to } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== "insertText" || from === to || !text || view.composing) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, insert));
    if (!handled) view.dispatch(insert());
    return true;
  },
});

/** A PromQL editor: completion and checks while typing, Enter runs, Shift-Enter breaks the line. */
export function QueryEditor({ value, label, completion, onChange, onRun }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun, value });
  useEffect(() => {
    latest.current = { onChange, onRun, value };
  });
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const promql = new PromQLExtension().activateCompletion(true).activateLinter(true).setComplete({
      remote: { url: completion.url, apiPrefix: completion.apiPrefix, fetchFn: completion.fetchFn, httpMethod: "GET" },
    });
    const run = () => {
      latest.current.onRun();
      return true;
    };
    const made = new EditorView({
      parent: element,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          EditorView.cspNonce.of(styleNonce()),
          highlightSpecialChars(),
          history(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          EditorView.lineWrapping,
          typeOver,
          syntaxHighlighting(colors),
          looks,
          promql.asExtension(),
          placeholder("A PromQL expression, such as rate(node_cpu_seconds_total[5m])"),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
          // Above the default, below an open completion list, which takes Enter for itself.
          Prec.high(
            keymap.of([
              { key: "Enter", run },
              { key: "Ctrl-Enter", mac: "Cmd-Enter", run },
              { key: "Shift-Enter", run: insertNewlineAndIndent },
            ]),
          ),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      promql.destroy();
      view.current = null;
    };
  }, [label, completion]);
  useEffect(() => {
    const editor = view.current;
    const text = editor?.state.doc.toString();
    if (editor && text !== value) editor.dispatch({ changes: { from: 0, to: text?.length ?? 0, insert: value } });
  }, [value]);
  return <div ref={place} className="as-editor" data-search />;
}
