import type { ContentView, ControlView } from '@millrace/protocol/view';
import { Controls, type Edge, MarkerType, type NodeTypes, Position, ReactFlow } from '@xyflow/react';
import { memo, type ReactNode, useMemo } from 'react';
import { type Direction, type GraphLayout, layoutGraph, NODE_HEIGHT, NODE_WIDTH } from './graph-layout.ts';
import { type FlowNode, GraphNodeView } from './graph-node.tsx';
import { useMedia } from './media.ts';

const nodeTypes: NodeTypes = { task: GraphNodeView };
/** px */
const TALLEST = 420;

export interface RunGraphProps {
  graph: ControlView['graph'];
  nodes: ControlView['nodes'];
  counts: ControlView['counts'];
  progresses: ContentView['progresses'];
}

/** The run's nodes and what each waits for, with their states. The steps beside it say the same in words. */
export const RunGraph = memo(function RunGraph({ graph, nodes, counts, progresses }: RunGraphProps): ReactNode {
  const direction: Direction = useMedia('(max-width: 640px)') ? 'down' : 'right';
  const layout = useMemo(() => layoutGraph(graph, direction), [graph, direction]);
  const flowNodes = useMemo(
    () =>
      graph.flatMap(({ id }): FlowNode[] => {
        const node = nodes[id];
        const position = layout.places.get(id);
        const progress = progresses[id]?.progress;
        if (!node || !position) return [];
        return [
          {
            ...frame(direction),
            id,
            position,
            data: { node, direction, ...(progress === undefined ? {} : { progress }) },
          },
        ];
      }),
    [graph, nodes, progresses, layout, direction],
  );
  const edges = useMemo(() => layout.edges.map(edgeOf), [layout]);
  const ended = counts.completed + counts.skipped + counts.failed + counts.cancelled;
  return (
    <figure
      className="run-graph"
      aria-label={`Graph of ${graph.length} nodes, ${ended} ended, ${counts.running} running`}
      style={{ height: Math.min(TALLEST, layout.height + 32) }}
    >
      <ReactFlow
        key={`${direction}:${graph.length}`}
        nodes={flowNodes}
        edges={edges}
        nodeTypes={nodeTypes}
        fitView
        fitViewOptions={{ maxZoom: 1, padding: 0.05 }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        zoomOnDoubleClick={false}
        preventScrolling={false}
        onlyRenderVisibleElements={graph.length > 100}
      >
        {graph.length > 12 && <Controls showInteractive={false} />}
      </ReactFlow>
    </figure>
  );
});

/** What all nodes have in common: their size is known, so nothing has to be measured. */
function frame(direction: Direction): Pick<FlowNode, 'type' | 'width' | 'height' | 'measured' | 'handles'> {
  const size = { width: NODE_WIDTH, height: NODE_HEIGHT };
  const middle = direction === 'right' ? { y: NODE_HEIGHT / 2 } : { x: NODE_WIDTH / 2 };
  const [from, to] = direction === 'right' ? [Position.Right, Position.Left] : [Position.Bottom, Position.Top];
  return {
    ...size,
    type: 'task',
    measured: size,
    handles: [
      { type: 'target', position: to, x: 0, y: 0, width: 1, height: 1, ...middle },
      { type: 'source', position: from, x: NODE_WIDTH - 1, y: NODE_HEIGHT - 1, width: 1, height: 1, ...middle },
    ],
  };
}

function edgeOf({ onError, ...edge }: GraphLayout['edges'][number]): Edge {
  return {
    ...edge,
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16 },
    style: onError ? { strokeDasharray: '5 4' } : {},
  };
}
