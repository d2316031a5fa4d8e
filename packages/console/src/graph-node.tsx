import { lookOf } from '@millrace/client/present';
import { StatusIcon } from '@millrace/client/react';
import type { NodeView } from '@millrace/protocol/view';
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import { memo, type ReactNode } from 'react';
import type { Direction } from './graph-layout.ts';

export type FlowNode = Node<{ node: NodeView; direction: Direction; progress?: number }, 'task'>;

export const GraphNodeView = memo(function GraphNodeView({ data }: NodeProps<FlowNode>): ReactNode {
  const { node, direction, progress } = data;
  const { tone, word } = lookOf(node.status);
  return (
    <div
      className={`mr-tone-${tone} flex h-full w-full flex-col justify-center overflow-hidden rounded-md border border-line bg-surface px-3 ${
        node.status === 'pending' ? 'border-dashed' : 'border-l-4 border-l-(--mr-tone)'
      }`}
    >
      <Handle type="target" position={direction === 'right' ? Position.Left : Position.Top} />
      <span className="truncate font-medium" title={node.id}>
        {node.id}
      </span>
      <span className="mr-status text-[0.85rem]">
        <StatusIcon status={node.status} />
        {word}
        <span className="mr-status-note">{detailOf(node, progress)}</span>
      </span>
      <Handle type="source" position={direction === 'right' ? Position.Right : Position.Bottom} />
    </div>
  );
});

function detailOf(node: NodeView, progress: number | undefined): string {
  if (node.items) return `${node.items.count - node.items.open}/${node.items.count}`;
  if (node.status === 'running' && progress !== undefined) return `${Math.round(progress)} %`;
  return node.attempt > 1 ? `attempt ${node.attempt}` : '';
}
