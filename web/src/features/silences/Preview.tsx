import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { previewSilence } from "../../api/own";
import { usable, type Matcher } from "../../model/silences";
import { href } from "../../state/location";
import { AlertMark } from "../../ui/AlertMark";
import { Link } from "../../ui/Link";
import { Empty, Failure, Loading } from "../../ui/States";

const DEBOUNCE_MS = 300; // between two letters
const SHOWN_MAX = 20;

/** What the silence would keep quiet now, and what it would keep quiet if it fired. */
export function Preview({ matchers }: { matchers: readonly Matcher[] }) {
  const [key] = useDebouncedValue(JSON.stringify(usable(matchers)), DEBOUNCE_MS);
  const settled = JSON.parse(key) as readonly Matcher[];
  const answer = useQuery({
    queryKey: ["silence-preview", key],
    queryFn: ({ signal }) => previewSilence(settled, signal),
    enabled: settled.length > 0,
    placeholderData: keepPreviousData,
  });
  if (settled.length === 0) return <Empty title="Nothing chosen yet">Add a condition, and what it hits stands here before anything is silenced.</Empty>;
  if (answer.error) return <Failure problem={answer.error} what="The preview" onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="the preview" />;
  const { matching_now: now, would_match: later, warnings } = answer.data;
  return (
    <div className="as-preview" aria-busy={answer.isFetching}>
      {warnings.map((warning) => (
        <div key={warning} className="as-warning" role="status">
          {warning}
        </div>
      ))}
      <h3>
        Hits now <span className="as-count-plain">{now.length}</span>
      </h3>
      {now.length === 0 && <p className="as-dim as-small">No alert that fires now.</p>}
      <ul className="as-preview-list" data-testid="hits-now">
        {now.slice(0, SHOWN_MAX).map((alert) => (
          <li key={alert.id}>
            <AlertMark severity={alert.severity} />
            <Link className="as-link" href={href(`alerts/${alert.id}`)}>
              {alert.title || alert.name}
            </Link>
            <span className="as-dim as-small as-clip">{alert.source}</span>
          </li>
        ))}
        {now.length > SHOWN_MAX && <li className="as-dim as-small">and {now.length - SHOWN_MAX} more</li>}
      </ul>
      <h3>
        Would hit <span className="as-count-plain">{later.length}</span>
      </h3>
      {later.length === 0 && <p className="as-dim as-small">No rule whose labels say so.</p>}
      <ul className="as-preview-list" data-testid="would-hit">
        {later.slice(0, SHOWN_MAX).map((rule, index) => (
          <li key={`${rule.group}/${rule.name}/${index}`}>
            <AlertMark severity={rule.severity} />
            <span className="as-clip">{rule.name}</span>
            <span className="as-dim as-small as-clip">{rule.group}</span>
            {!rule.is_certain && (
              <span className="as-chip" title="It depends on the labels of what the rule finds">
                maybe
              </span>
            )}
          </li>
        ))}
        {later.length > SHOWN_MAX && <li className="as-dim as-small">and {later.length - SHOWN_MAX} more</li>}
      </ul>
    </div>
  );
}
