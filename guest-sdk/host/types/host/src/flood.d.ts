/** Limits the messages of one frame, so that a page cannot occupy the host's. */
export declare class FloodGate {
    #private;
    private readonly now;
    constructor(now?: () => number);
    /** Returns whether a message is handled, ignored, or one too many. */
    admit(): "handle" | "ignore" | "close";
}
