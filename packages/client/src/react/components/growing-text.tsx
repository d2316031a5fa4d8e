import { memo, type ReactNode } from 'react';

const PIECE = 2_000;

/**
 * A long text that only grows at its end, in pieces that the browser lays out apart: a new token costs the last
 * piece, whatever the length before it.
 */
export function GrowingText({ text, end }: { text: string; end?: ReactNode }): ReactNode {
  const pieces = piecesOf(text);
  const last = pieces.pop() ?? { at: 0, text: '' };
  return (
    <>
      {pieces.map((piece) => (
        <Piece key={piece.at} text={piece.text} />
      ))}
      <div>
        {last.text}
        {end}
      </div>
    </>
  );
}

const Piece = memo(function Piece({ text }: { text: string }): ReactNode {
  return <div>{text}</div>;
});

/** Cuts at line ends, so that a piece of its own block looks the same as the text in one. */
export function piecesOf(text: string): { at: number; text: string }[] {
  const pieces: { at: number; text: string }[] = [];
  let from = 0;
  for (let end = text.indexOf('\n', PIECE); end >= 0; end = text.indexOf('\n', from + PIECE)) {
    pieces.push({ at: from, text: text.slice(from, end) });
    from = end + 1;
  }
  pieces.push({ at: from, text: text.slice(from) });
  return pieces;
}
