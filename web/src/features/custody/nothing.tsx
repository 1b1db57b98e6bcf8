/** What stands where a part of the page has nothing, and what to configure so that it has. */

import { Empty } from "../../ui/States";

const NODE_YML = `collectors:
  bitcoin:
    nodes:
    - name: core-1
      url: http://127.0.0.1:8332
      cookie_file: /var/lib/bitcoind/.cookie
      chain: main`;

const CUSTODY_YML = `custody:
  wallets: [custody-*]  # without it every watched wallet`;

const HSM_YML = `collectors:
  hsm:
  - name: core
    module: /usr/lib/softhsm/libsofthsm2.so
    token: core-hsm
    pin_file: /etc/anyascope/core.pin
    canary: {sign: canary}`;

export const NO_NODE = (
  <Empty title="No node is watched" code={NODE_YML}>
    Name your nodes in anyascope.yml and reload: their chain, peers, mempool and fees stand here, each block within a second.
  </Empty>
);

export const NO_WALLET = (
  <Empty title="No wallet is watched">
    Wallets that a watched node has loaded are found by themselves; those under <code>wallets</code> of a node are missed where they are not loaded.
  </Empty>
);

export const NO_TRANSACTION = (
  <Empty title="No transaction of ours is open">Deposits and withdrawals of watched wallets stand here until they are confirmed.</Empty>
);

export const NO_SPEND = (
  <Empty title="No spend was seen" code={CUSTODY_YML}>
    With a section <code>custody</code> in anyascope.yml each transaction that spends from a watched wallet is compared with the requests, approvals and
    signatures that the SDK puts on record.
  </Empty>
);

export const NO_HSM = (
  <Empty title="No HSM is watched" code={HSM_YML}>
    Name yours in anyascope.yml and reload.
  </Empty>
);
