import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AiService } from './ai-service.ts';
import { ExecutionEmitter } from './execution-emitter.ts';
import { ExecutionsController } from './executions-controller.ts';
import { MillraceService } from './millrace-service.ts';

@Module({ controllers: [ExecutionsController], providers: [AiService, ExecutionEmitter, MillraceService] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
app.enableCors({ origin: process.env.WEB_ORIGIN ?? 'http://localhost:5173' });
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
const { url } = await app.get(MillraceService).server;
console.log(`POST ${await app.getUrl()}/executions starts one; browsers follow it at ${url}/executions.`);
