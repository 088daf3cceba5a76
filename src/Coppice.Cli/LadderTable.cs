using System.Globalization;

namespace Coppice.Cli;

/// <summary>The ladder as text, from the machine up.</summary>
internal static class LadderTable
{
    /// <summary>Writes all rungs.</summary>
    public static void Write(TextWriter output, LadderReport report)
    {
        Line(output, $"{report.Model} ({report.Architecture}), prompt {report.PromptTokens}, threads {report.Threads}, {report.KernelPath}; the best of {report.Rounds} rounds");
        Machine(output, report);
        Kernels(output, report);
        Line(output, $"");
        Line(output, $"{"sampling",-30}{"vocabulary",10}{"ms a row",12}");
        foreach (LadderSamplingRow row in report.Sampling) Line(output, $"  {row.Sampling,-28}{row.Vocabulary,10}{row.MsPerRow,12:0.0000}");
        Steps(output, report);
        Line(output, $"");
        Line(output, $"{"run",-10}{"samples",10}{"tokens/s",12}{"steps alone",12}{"of step",10}");
        foreach (LadderRunRow row in report.Runs)
            Line(output, $"  {row.Phase,-8}{row.Samples,10}{row.TokensPerSecond,12:0.0}{row.StepTokensPerSecond,12:0.0}{row.PercentOfStep,9:0}%");
    }

    private static void Machine(TextWriter output, LadderReport report)
    {
        LadderMachine machine = report.Machine;
        Line(output, $"");
        Line(output, $"{"machine",-30}{"1 thread",10}{$"{report.Threads} threads",12}{"ratio",8}");
        Rate("memory read, GB/s", machine.MemoryGbPerSecond);
        Rate("FP32 multiply-add, GFLOP/s", machine.FmaGflopPerSecond);
        Rate("256-bit VNNI, GOP/s", machine.Vnni256GopPerSecond);
        Rate("512-bit VNNI, GOP/s", machine.Vnni512GopPerSecond);
        if (!machine.Quiet)
        {
            Line(output, $"not a quiet machine: {report.Threads} threads do {machine.FmaGflopPerSecond.Ratio:0.00} times the arithmetic of one");
        }

        void Rate(string name, LadderRate? rate)
        {
            if (rate is null) Line(output, $"  {name,-28}{"none",10}");
            else Line(output, $"  {name,-28}{rate.OneThread,10:0.0}{rate.AllThreads,12:0.0}{rate.Ratio,8:0.00}");
        }
    }

    private static void Kernels(TextWriter output, LadderReport report)
    {
        foreach (IGrouping<(string Phase, int Rows), LadderKernelRow> step in report.Kernels.GroupBy(row => (row.Phase, row.Rows)))
        {
            Line(output, $"");
            string name = $"kernels, {step.Key.Phase}, rows {step.Key.Rows}";
            Line(output, $"{name,-30}{"type",8}{"ms",10}{"GB/s",8}{"GOP/s",8}  {"bound",-7}{"of bound",9}");
            foreach (LadderKernelRow row in step)
            {
                string operations = row.GopPerSecond > 0 ? row.GopPerSecond.ToString("0", CultureInfo.InvariantCulture) : "";
                string percent = row.PercentOfBound is double p ? p.ToString("0", CultureInfo.InvariantCulture) + "%" : "";
                Line(output, $"  {row.Kernel,-28}{row.Types,8}{row.Ms,10:0.000}{row.GbPerSecond,8:0.0}{operations,8}  {row.Bound,-7}{percent,9}");
            }
        }
    }

    private static void Steps(TextWriter output, LadderReport report)
    {
        Line(output, $"");
        Line(output, $"{"step",-10}{"rows",8}{"ms",10}{"kernels ms",12}{"of kernels",12}{"memory ms",11}{"arithm. ms",12}{"bound ms",10}{"of bound",10}");
        foreach (LadderStepRow row in report.Steps)
        {
            Line(output, $"  {row.Phase,-8}{row.Rows,8}{row.Ms,10:0.00}{row.KernelsMs,12:0.00}{row.PercentOfKernels,11:0}%{row.MemoryMs,11:0.00}{row.ArithmeticMs,12:0.00}{row.BoundMs,10:0.00}{row.PercentOfBound,9:0}%");
        }
    }

    private static void Line(TextWriter output, FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture).TrimEnd());
}
