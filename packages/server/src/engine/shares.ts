import {
  type ControlView,
  definitionId,
  type GraphIndex,
  type GraphNode,
  graphIndex,
  itemId,
  type NodeView,
} from '@millrace/protocol';

/**
 * What a copied run takes over of an ancestor's node: `whole` = its end and all that it left, it is not done again;
 * `journal` = it is done again and answered from the results that it left; `nothing` = it is done again from nothing.
 */
export type Share = 'whole' | 'journal' | 'nothing';

/** A node that is to be done again, from its beginning or from one of its steps. */
export interface Place {
  node: string;
  step?: string;
}

/**
 * What is taken over of each node. A node that ended well is taken over whole, unless it began on something that is
 * done again: then nothing of it is. A failure is never taken over, nor is what followed from it.
 */
export function sharesOf(control: ControlView, from?: Place): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>();
  const index = graphIndex(control.graph);
  const wholeItems = new Map<string, number>();
  // What a node began on had ended before, so in this order everything is known when it is looked at.
  for (const node of Object.values(control.nodes).sort((a, b) => begin(a) - begin(b))) {
    const share = shareOf(control, index, shares, node, from);
    shares.set(node.id, share);
    if (share !== 'whole' || node.parent === undefined) continue;
    const whole = (wholeItems.get(node.parent) ?? 0) + 1;
    wholeItems.set(node.parent, whole);
    const parent = control.nodes[node.parent];
    if (whole === parent?.items?.count && isWell(parent, from) && shares.get(node.parent) === 'journal')
      shares.set(node.parent, 'whole');
  }
  for (const node of Object.values(control.nodes)) {
    if (node.reason === 'join_lost' && isLost(index, shares, node)) takeLost(shares, node);
  }
  return shares;
}

/** The seq at which a node's last attempt took its input. */
function begin({ startedSeq, endedSeq }: NodeView): number {
  return startedSeq ?? endedSeq ?? Number.MAX_SAFE_INTEGER;
}

function shareOf(
  control: ControlView,
  index: GraphIndex,
  shares: ReadonlyMap<string, Share>,
  node: NodeView,
  from: Place | undefined,
): Share {
  if (from?.node === node.id && from.step === undefined) return 'nothing';
  const definition = index.nodes.get(definitionId(node.id));
  const fresh =
    node.parent === undefined
      ? beganOn(control, index, node, definition).some((id) => shares.get(id) !== 'whole')
      : shares.get(node.parent) === 'nothing';
  if (fresh) return 'nothing';
  // A forEach is whole when its items are.
  return isWell(node, from) && !node.items?.count ? 'whole' : 'journal';
}

function isWell(node: NodeView, from: Place | undefined): boolean {
  return (node.status === 'completed' || node.status === 'skipped') && from?.node !== node.id;
}

/** The nodes whose end a node had seen when it began: those that ended later, or never, had no part in it. */
function beganOn(
  control: ControlView,
  index: GraphIndex,
  node: NodeView,
  definition: GraphNode | undefined,
): readonly string[] {
  const needs = (definition?.needs ?? []).filter((id) => control.nodes[id]?.status !== 'cancelled');
  return [...needs, ...(index.handles.get(node.id) ?? [])].filter(
    (id) => (control.nodes[id]?.endedSeq ?? Number.MAX_SAFE_INTEGER) < begin(node),
  );
}

/** The join that this need lost is taken over whole, so nobody waits for the need. */
function isLost(index: GraphIndex, shares: ReadonlyMap<string, Share>, node: NodeView): boolean {
  const joins = index.dependants.get(node.id) ?? [];
  return node.status === 'cancelled' && joins.every((id) => shares.get(id) === 'whole');
}

function takeLost(shares: Map<string, Share>, { id, items }: NodeView): void {
  shares.set(id, 'whole');
  for (let place = 0; place < (items?.count ?? 0); place++) shares.set(itemId(id, place), 'whole');
}
