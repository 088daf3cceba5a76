// Open-loop load on any OpenAI-compatible server: requests come when they are due, whether or not earlier ones are answered.
using System.Runtime.InteropServices;
using System.Text;
using Coppice.LoadBench;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

// The first Ctrl-C (or request to end) ends the arrivals and reports what is done; a second one ends the process.
using var interrupted = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

return await LoadCommand.RunAsync(args, Console.Out, Console.Error, interrupted.Token);

void Interrupt(PosixSignalContext context)
{
    if (interrupted.IsCancellationRequested) return;
    context.Cancel = true;
    interrupted.Cancel();
}
