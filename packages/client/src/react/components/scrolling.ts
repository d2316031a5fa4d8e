/** For what scrolls inside of a page: it must be reachable by keyboard. Spread it into the element. */
export const scrolling = { tabIndex: 0 };
