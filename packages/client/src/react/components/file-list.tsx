import type { FileView } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { FileItem } from './file-item.tsx';

export interface FileListProps {
  files: readonly FileView[];
  /** Fetches a file's bytes; its address alone is no use to a browser, which would send no token. */
  load(file: FileView): Promise<Blob>;
  /** files of attempts that a newer one has retracted are left out unless this is true */
  showSuperseded?: boolean;
}

/** A run's files: Markdown is open at once, other texts on demand, everything can be downloaded. */
export function FileList({ files, load, showSuperseded = false }: FileListProps): ReactNode {
  const shown = showSuperseded ? files : files.filter((file) => !file.superseded);
  return (
    <ul className="mr-files">
      {shown.map((file) => (
        <li key={`${file.name}:${file.sha256}`}>
          <FileItem file={file} load={load} />
        </li>
      ))}
    </ul>
  );
}
