import type { Alert } from "../../model/alerts";
import { FACET_NAMES, countFacet, isChosen, type Chosen, type FacetName } from "../../model/facets";
import { useQueryState } from "../../state/location";

const VALUES_MAX = 12; // a longer list is found by search

function Facet({ name, alerts, chosen, onChange }: { name: FacetName; alerts: readonly Alert[]; chosen: Chosen; onChange: (values: string[]) => void }) {
  const counts = countFacet(alerts, chosen, name);
  if (counts.length === 0) return null;
  const toggle = (value: string) =>
    onChange(chosen[name].includes(value) ? chosen[name].filter((other) => other !== value) : [...chosen[name], value]);
  return (
    <fieldset className="as-facet" aria-label={name}>
      <legend>{name}</legend>
      {counts.slice(0, VALUES_MAX).map(({ value, count }) => (
        <button key={value} type="button" className="as-plain as-facet-value" aria-pressed={chosen[name].includes(value)} onClick={() => toggle(value)}>
          <span className="as-clip">{value}</span> <span className="as-dim">{count}</span>
        </button>
      ))}
      {counts.length > VALUES_MAX && <span className="as-dim as-small">and {counts.length - VALUES_MAX} more: search for them</span>}
    </fieldset>
  );
}

/** What the alerts are like, and how many are; a pressed value narrows the list. */
export function AlertFacets({ alerts, chosen }: { alerts: readonly Alert[]; chosen: Chosen }) {
  const [, change] = useQueryState();
  const count = FACET_NAMES.reduce((sum, name) => sum + chosen[name].length, 0);
  return (
    <details className="as-facets" open={isChosen(chosen) || window.innerWidth > 1000}>
      <summary className="as-small">Filters{count > 0 ? ` (${count})` : ""}</summary>
      {FACET_NAMES.map((name) => (
        <Facet key={name} name={name} alerts={alerts} chosen={chosen} onChange={(values) => change({ [name]: values })} />
      ))}
      {count > 0 && (
        <button type="button" className="as-plain as-link as-small" onClick={() => change(Object.fromEntries(FACET_NAMES.map((name) => [name, null])))}>
          Take all filters away
        </button>
      )}
    </details>
  );
}
