// The side-by-side run: the same file, tokens and threads for llama.cpp and Coppice, in turn on an otherwise idle machine.
using System.Runtime.InteropServices;
using System.Text;
using Coppice.PeerBench;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

// The first Ctrl-C (or request to end) lets the turn finish and keeps the finished rows; a second one ends the process.
using var interrupted = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

return PeerCommand.Run(args, Console.Out, Console.Error, interrupted.Token);

void Interrupt(PosixSignalContext context)
{
    if (interrupted.IsCancellationRequested) return;
    context.Cancel = true;
    interrupted.Cancel();
}
