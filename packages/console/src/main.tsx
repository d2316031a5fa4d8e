import './main.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { takeToken } from './session.ts';

const root = document.getElementById('root');
if (root) {
  const storage = window.localStorage;
  const token = takeToken({ location: window.location, history: window.history, storage });
  createRoot(root).render(
    <StrictMode>
      <App token={token} storage={storage} />
    </StrictMode>,
  );
}
