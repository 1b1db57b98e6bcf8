// What is waited for has half a minute: the second that the library gives passes on a machine that does other work beside.
import { configure } from "@testing-library/react";

export const PATIENCE_MS = 30_000;

configure({ asyncUtilTimeout: PATIENCE_MS });
