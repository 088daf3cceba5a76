using System.Runtime.InteropServices;
using System.Text;
using Coppice.Cli;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

// The first Ctrl-C (or request to end) lets the command finish cleanly with what is done; a second one ends the process.
using var interrupted = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

return await CoppiceCommand.RunAsync(args, Console.Out, Console.Error, interrupted.Token);

void Interrupt(PosixSignalContext context)
{
    // Who registered later is asked first and may have taken it: in a chat it ends an answer alone.
    if (context.Cancel || interrupted.IsCancellationRequested) return;
    context.Cancel = true;
    interrupted.Cancel();
}
