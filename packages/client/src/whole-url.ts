/** The whole address of a path that the server has told. */
export function wholeUrl(url: string, path: string): string {
  return new URL(path, `${url}/`).href;
}
