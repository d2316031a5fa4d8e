export { type FoundChunk, searchChunks } from './ingest/chunk-search.ts';
export { CHUNK_SIZE, type Chunk, chunksOf, SENTENCE_LIMIT, type Sentences } from './ingest/chunks.ts';
export {
  type EmbeddedChunk,
  INGEST,
  INGEST_TASK,
  type Ingested,
  type IngestInput,
  ingestTask,
  ingestWorkflow,
} from './ingest/ingest-workflow.ts';
export { embed, LOCAL_EMBEDDING } from './ingest/local-embedding.ts';
export { readMarkdown, readPlainText, type Section } from './ingest/markdown.ts';
export { cosine, readVector, writeVector } from './ingest/vector.ts';
