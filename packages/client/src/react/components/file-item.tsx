import type { FileView } from '@millrace/protocol/view';
import { type ReactNode, useEffect, useState } from 'react';
import { bytesText } from '../../present/amount.ts';
import { Markdown } from './markdown.tsx';
import { scrolling } from './scrolling.ts';

/** bytes; a larger file is only offered as a download */
const PREVIEW_LIMIT = 512 * 1_024;

type Content = { state: 'loading' } | { state: 'shown'; text: string } | { state: 'failed'; message: string };

export function FileItem({ file, load }: { file: FileView; load(file: FileView): Promise<Blob> }): ReactNode {
  const canPreview = isText(file) && file.bytes <= PREVIEW_LIMIT;
  const [isOpen, setOpen] = useState(canPreview && isMarkdown(file));
  const [refused, setRefused] = useState<string>();
  const download = async (): Promise<void> => {
    setRefused(undefined);
    try {
      save(await load(file), file.name);
    } catch (error) {
      setRefused(messageOf(error));
    }
  };
  return (
    <>
      <div className="mr-file-head">
        <span className="mr-file-name">{file.name}</span>
        <span className="mr-quiet">
          {bytesText(file.bytes)}
          {file.superseded && ' · superseded by a newer attempt'}
        </span>
        <span className="mr-file-buttons">
          {canPreview && (
            <button
              type="button"
              className="mr-button"
              aria-expanded={isOpen}
              aria-label={`${isOpen ? 'Hide' : 'Show'} ${file.name}`}
              onClick={() => setOpen(!isOpen)}
            >
              {isOpen ? 'Hide' : 'Show'}
            </button>
          )}
          <button
            type="button"
            className="mr-button"
            aria-label={`Download ${file.name}`}
            onClick={() => {
              download().catch(() => {});
            }}
          >
            Download
          </button>
        </span>
      </div>
      {refused !== undefined && (
        <p role="alert" className="mr-error">
          The file could not be loaded: {refused}
        </p>
      )}
      {isOpen && <Preview file={file} load={load} />}
    </>
  );
}

function Preview({ file, load }: { file: FileView; load(file: FileView): Promise<Blob> }): ReactNode {
  const [content, setContent] = useState<Content>({ state: 'loading' });
  useEffect(() => {
    let isGone = false;
    const show = (next: Content): void => {
      if (!isGone) setContent(next);
    };
    load(file)
      .then((blob) => blob.text())
      .then((text) => show({ state: 'shown', text }))
      .catch((error: unknown) => show({ state: 'failed', message: messageOf(error) }));
    return () => {
      isGone = true;
    };
  }, [file, load]);
  if (content.state === 'loading') return <p className="mr-quiet">Loading {file.name}…</p>;
  if (content.state === 'failed') return <p className="mr-error">The file could not be loaded: {content.message}</p>;
  return (
    <section className="mr-file-preview" {...scrolling} aria-label={file.name}>
      {isMarkdown(file) ? <Markdown text={content.text} /> : <pre className="mr-json">{content.text}</pre>}
    </section>
  );
}

function isMarkdown({ name, type }: FileView): boolean {
  return type.startsWith('text/markdown') || /\.(md|markdown)$/i.test(name);
}

function isText(file: FileView): boolean {
  return isMarkdown(file) || /^(text\/|application\/(json|xml|yaml))/.test(file.type);
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name.replaceAll('/', '_');
  link.click();
  URL.revokeObjectURL(url);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
