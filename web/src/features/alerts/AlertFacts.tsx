import { subjectsOf, type Alert } from "../../model/alerts";
import { writeLabels } from "../../model/routing";
import { href } from "../../state/location";
import { Link } from "../../ui/Link";

/** Links in annotations are followed where they are plain web addresses, and nothing else. */
function Annotation({ text }: { text: string }) {
  if (!/^https?:\/\/\S+$/.test(text)) return <>{text}</>;
  return (
    <a className="as-link" href={text} target="_blank" rel="noreferrer noopener">
      {text}
    </a>
  );
}

function Row({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="as-break">{children}</td>
    </tr>
  );
}

/** Everything that an alert carries, and where it goes. */
export function AlertFacts({ alert }: { alert: Alert }) {
  const subjects = subjectsOf(alert);
  return (
    <section className="as-card" aria-label="Labels">
      <h2 className="as-card-title">What it carries</h2>
      <table className="as-pairs">
        <tbody>
          {Object.entries(alert.labels).map(([name, value]) => (
            <Row key={name} name={name}>
              {value}
            </Row>
          ))}
        </tbody>
        <tbody className="as-pairs-part">
          {Object.entries(alert.annotations).map(([name, value]) => (
            <Row key={name} name={name}>
              <Annotation text={value} />
            </Row>
          ))}
        </tbody>
        <tbody className="as-pairs-part">
          {alert.category && !alert.labels["category"] && <Row name="category">{alert.category}</Row>}
          {alert.source && !alert.labels["component"] && <Row name="component">{alert.source}</Row>}
          <Row name="receivers">
            {alert.receivers.join(", ") || "none yet"}{" "}
            <Link className="as-link" href={href("routing", { labels: writeLabels(alert.labels) })}>
              why
            </Link>
          </Row>
          {alert.silenced_by.length > 0 && (
            <Row name="silenced by">
              {alert.silenced_by.map((id) => (
                <Link key={id} className="as-link" href={href(`silences/${id}`)}>
                  {id}
                </Link>
              ))}
            </Row>
          )}
          {alert.inhibited_by.length > 0 && (
            <Row name="inhibited by">
              {alert.inhibited_by.map((id) => (
                <Link key={id} className="as-link" href={href(`alerts/${id}`)}>
                  {id}
                </Link>
              ))}
            </Row>
          )}
          {subjects.length > 0 && (
            <Row name="operation">
              {subjects.map((id) => (
                <Link key={id} className="as-link as-mono as-break" href={href(`correlation/${encodeURIComponent(id)}`)} title="Follow the operation">
                  {id}
                </Link>
              ))}
            </Row>
          )}
          <Row name="id">{alert.id}</Row>
        </tbody>
      </table>
    </section>
  );
}
