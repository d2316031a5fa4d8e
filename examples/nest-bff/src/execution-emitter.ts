import { EventEmitter } from 'node:events';
import { Injectable } from '@nestjs/common';

/** The application's internal events: services emit here, and know nothing of sockets. */
@Injectable()
export class ExecutionEmitter extends EventEmitter {}
