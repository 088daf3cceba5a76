using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Coppice.Graphs.Training;
using Coppice.Training.LanguageModels;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary><c>coppice train</c>: trains models on this machine; each kind of model is a subcommand.</summary>
internal static class TrainCommand
{
    public static Command Create() => new("train", "Trains small models on this machine.") { LanguageModel(), Perception.TrainPerceptionCommand.Create() };

    private static Command LanguageModel()
    {
        var task = new Option<string>("--task") { HelpName = "puzzles|text", Description = "What is learned: number puzzles, or a text character by character.", Required = true };
        task.AcceptOnlyFromAmong("puzzles", "text");
        var text = new Option<string?>("--text") { HelpName = "FILE", Description = "The text, for --task text." };
        var config = new Option<string?>("--config") { HelpName = "FILE", Description = "The recipe in JSON; what it leaves out has its default." };
        var output = new Option<string>("--out") { HelpName = "FILE", Description = "The model, a GGUF file; checkpoint and curve are written beside it.", Required = true };
        Option<int?> steps = OptionParsers.Number("--steps", "Updates in all, instead of the recipe's.", 1, int.MaxValue);
        Option<int?> every = OptionParsers.Number("--checkpoint-every", "Seconds between checkpoints; 60 if not given. A run that is killed loses no more.", 1, 86_400);
        Option<int?> threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);
        var command = new Command("lm", "Trains a small language model; goes on where an earlier run of the same recipe stopped, and Ctrl-C saves.")
        {
            task, text, config, output, steps, every, threads,
        };
        command.SetAction((parsed, cancel) => Task.Run(
            () =>
            {
                TrainingRecipe recipe = parsed.GetValue(config) is { } path ? TrainingRecipe.Read(path) : new TrainingRecipe();
                if (parsed.GetValue(steps) is int asked) recipe = recipe with { Steps = asked, WarmupSteps = Math.Min(recipe.WarmupSteps, asked) };
                string file = parsed.GetValue(output)!;
                if (Path.GetFileName(file).Length == 0 || Directory.Exists(file)) throw new RequestRejectedException("--out", "a file", $"'{file}'");
                if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file)))) throw new IOException($"{file}: its folder does not exist");
                TrainingTask learned = TaskOf(parsed.GetValue(task)!, parsed.GetValue(text), recipe);
                using var training = new LanguageModelTraining(recipe, learned, file, parsed.GetValue(threads) ?? 0);
                return Run(training, recipe, file, TimeSpan.FromSeconds(parsed.GetValue(every) ?? 60), parsed.InvocationConfiguration, cancel);
            },
            CancellationToken.None));
        return command;
    }

    private static TrainingTask TaskOf(string name, string? text, TrainingRecipe recipe)
    {
        if (name == "puzzles")
            return text is null ? TrainingTask.Puzzles(recipe) : throw new RequestRejectedException("--text", "nothing with --task puzzles", text);
        return text is null
            ? throw new RequestRejectedException("--text", "a file with --task text", "nothing")
            : TrainingTask.Text(recipe, File.ReadAllText(text));
    }

    private static int Run(
        LanguageModelTraining training, TrainingRecipe recipe, string file, TimeSpan every, InvocationConfiguration invocation, CancellationToken cancel)
    {
        TextWriter error = invocation.Error;
        error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{training.Parameters / 1e6:0.00} million weights, {recipe.Steps} steps of {training.TokensPerStep} tokens"));
        using CancellationTokenRegistration told = TellOfStop(error, cancel);
        bool ended = Measure(training, recipe, every, error, cancel);
        string chart = Path.ChangeExtension(file, ".curve.png");
        CurveChart.Write(chart, CurveFile.Read(training.CurvePath), $"{recipe.Name}: loss");
        invocation.Output.WriteLine($"{file} is written after {training.StepCount} of {recipe.Steps} steps; its curve is {chart}");
        if (!ended) error.WriteLine("stopped; the same command goes on from here");
        return ended ? ExitCode.Good : ExitCode.Interrupted;
    }

    /// <summary>Says at once that an interrupted run is ending: a step may take a while.</summary>
    public static CancellationTokenRegistration TellOfStop(TextWriter error, CancellationToken cancel) =>
        cancel.Register(() => error.WriteLine("stopping after this step, then saving; Ctrl-C again quits without saving"));

    private static bool Measure(LanguageModelTraining training, TrainingRecipe recipe, TimeSpan every, TextWriter error, CancellationToken cancel)
    {
        IAnsiConsole? console = EngineLoading.Terminal(error);
        var clock = Stopwatch.StartNew();
        long first = -1;
        if (console is null) return training.Run(every, point => error.WriteLine(Line(point, Rate(point.Step))), Count, cancel);
        return console.Progress()
            .AutoClear(false)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask bar = context.AddTask("first step", maxValue: recipe.Steps);
                return training.Run(
                    every,
                    point => bar.Description = Line(point, Rate(point.Step)),
                    step =>
                    {
                        Count(step);
                        bar.Value = step;
                    },
                    cancel);
            });

        // The first step of a session, which makes everything ready, does not count.
        void Count(long step)
        {
            if (first >= 0) return;
            first = step;
            clock.Restart();
        }

        double Rate(long step) => (step - first) * training.TokensPerStep / clock.Elapsed.TotalSeconds;
    }

    private static string Line(CurvePoint point, double rate)
    {
        string held = double.IsNaN(point.Held) ? "" : string.Create(CultureInfo.InvariantCulture, $", held out {point.Held:0.0000}");
        return string.Create(CultureInfo.InvariantCulture, $"step {point.Step}: loss {point.Loss:0.0000}{held}, {rate:0} tokens/s");
    }
}
