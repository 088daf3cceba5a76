using System.CommandLine;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.LlamaCpp;
using Coppice.ModelFiles;
using Microsoft.Win32.SafeHandles;

namespace Coppice.PeerBench;

/// <summary>The program: reads the command line, measures what is missing, and reports. Exit 0 good, 1 the work failed, 2 the request was wrong.</summary>
internal static class PeerCommand
{
    private const int Good = 0;
    private const int Failed = 1;
    private const int Wrong = 2;
    private const int Interrupted = 130;

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="output">Gets the table or the JSON document.</param>
    /// <param name="error">Gets progress and the one line of an error.</param>
    /// <param name="cancel">Ends the work between two turns.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        var arguments = new PeerArguments();
        ParseResult parsed = arguments.Root.Parse(args);
        if (parsed.Action is { Terminating: true } help && parsed.Errors.Count == 0) return parsed.Invoke(new InvocationConfiguration { Output = output });
        if (parsed.Errors.Count > 0) return End(Wrong, parsed.Errors[0].Message);
        try
        {
            PeerRequest request = arguments.Read(parsed);
            if (request.ListsMissingModels)
            {
                foreach (string model in request.Rows.Select(row => row.Model).Distinct().Where(model => !File.Exists(request.FileOf(model))))
                    output.WriteLine($"{model}\t{request.FileOf(model)}");
                return Good;
            }

            Check(request);
            PeerResults results = PeerResults.Open(request.ResultFile, Conditions(request), request.Fresh);
            Measure(request, results, error, cancel);
            Report(request, results.Document, output);
            return Good;
        }
        catch (OperationCanceledException)
        {
            return End(Interrupted, "interrupted; finished rows are in the file of results, if there is one, and the same command goes on from there");
        }
        catch (Exception exception) when (exception is RequestRejectedException or PlatformNotSupportedException)
        {
            return End(Wrong, exception.Message);
        }
        catch (Exception exception) when (exception is LlamaCppException or ModelFormatException or IOException or UnauthorizedAccessException)
        {
            return End(Failed, exception.Message);
        }
        catch (OutOfMemoryException)
        {
            return End(Failed, "there is not enough memory");
        }

        int End(int code, string message)
        {
            error.WriteLine("peer: " + message.ReplaceLineEndings(" "));
            return code;
        }
    }

    /// <summary>Finds out before anything is measured what can't work.</summary>
    private static void Check(PeerRequest request)
    {
        if (!LlamaCppLibrary.TryLoad(out string reason)) throw new RequestRejectedException("llama.cpp", "its libraries", reason);
        if (request.Model is { } model && !File.Exists(model)) throw new RequestRejectedException(model, "a model file", "none");
        foreach ((string option, string? path) in new[] { ("--results", request.ResultFile), ("--chart", request.ChartFile) })
        {
            string folder = path is null ? "" : Path.GetDirectoryName(Path.GetFullPath(path)) ?? "";
            if (path is not null && !Directory.Exists(folder)) throw new RequestRejectedException(option, "a file in a folder that is there", folder);
        }
    }

    private static PeerConditions Conditions(PeerRequest request)
    {
        PeerProcedure procedure = request.Procedure;
        return new PeerConditions(
            MachineName.Text(),
            $"{LlamaCppLibrary.Version} ({LlamaCppLibrary.Variant})",
            $"{BuildName.Text()} ({KernelPaths.FromEnvironment().ToString().ToLowerInvariant()})",
            request.Model is { } file ? FileName(file) : "random weights",
            procedure.Threads,
            procedure.Tokens,
            procedure.Repeats,
            procedure.Cache.ToString().ToLowerInvariant(),
            string.Join(' ', procedure.Settings.Select(setting => setting.Name)));
    }

    /// <summary>A model's file, and its length in case another one takes its place.</summary>
    private static string FileName(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        return $"{Path.GetFileName(path)}, {RandomAccess.GetLength(file)} bytes";
    }

    private static void Measure(PeerRequest request, PeerResults results, TextWriter error, CancellationToken cancel)
    {
        IReadOnlyList<PeerRow> missing = results.Missing(request.Rows);
        int finished = request.Rows.Count - missing.Count;
        if (finished > 0) error.WriteLine($"{finished} of {request.Rows.Count} rows are finished in {request.ResultFile}");
        if (missing.Count == 0) return;
        string[] models = [.. missing.Select(row => row.Model).Distinct()];
        foreach (string model in models)
        {
            if (!File.Exists(request.FileOf(model)))
                throw new RequestRejectedException(request.FileOf(model), $"a file, made by `coppice random {model}`", "none");
        }

        using var team = new WorkerTeam(request.Procedure.Threads);
        var started = new PeerRun(DateTime.UtcNow, team.Threads, Speed(team), End: null);
        if (started.Begin.RatioFlag("at the start", team.Threads) is { } flag) error.WriteLine($"FLAGGED: {flag}");
        int run = results.Begin(started);
        var benchmark = new PeerBenchmark(request.Procedure, team, error.WriteLine, cancel);
        foreach (string model in models)
        {
            try
            {
                benchmark.Measure(request.FileOf(model), [.. request.AllRows.Where(row => row.Model == model)], [.. missing.Where(row => row.Model == model)], run, results.Add);
            }
            finally
            {
                // After every model, so that a run that ends early knows its end too.
                results.End(Speed(team));
            }
        }
    }

    private static MachineSpeed Speed(WorkerTeam team)
    {
        MachineLimits limits = MachineLimits.Measure(team);
        return new MachineSpeed(Math.Round(limits.MultiplyAdd.Ratio, 3), Math.Round(limits.MemoryRead.All / 1e9, 2));
    }

    private static void Report(PeerRequest request, PeerDocument document, TextWriter output)
    {
        IReadOnlyList<RowResult> rows = [.. request.Rows.Select(row => document.Rows.First(done => done.Name == row.Name))];
        if (request.ChartFile is { } chart) ResultChart.Save(chart, document, rows);
        if (request.AsJson) output.WriteLine(PeerJson.Write(document));
        else foreach (string line in ResultTable.Lines(document, rows)) output.WriteLine(line);
    }
}
