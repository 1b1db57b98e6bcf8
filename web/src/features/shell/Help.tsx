import { Modal } from "@mantine/core";

import { SHORTCUTS } from "./shortcuts";

/** What the keyboard can do. */
export function Help({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" lockScroll={false} closeButtonProps={{ "aria-label": "Close" }}>
      <table className="as-table">
        <tbody>
          {SHORTCUTS.map(({ keys, does }) => (
            <tr key={does}>
              <td>
                {keys.map((key) => (
                  <kbd key={key} className="as-kbd">
                    {key}
                  </kbd>
                ))}
              </td>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
