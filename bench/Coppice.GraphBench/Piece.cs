using System.Diagnostics;
using Coppice.Graphs;

namespace Coppice.GraphBench;

/// <summary>A small graph to be timed, and what it computes: multiply-adds counted twice.</summary>
internal sealed record Piece(string Family, string Name, double Operations, Func<Graph, Value> Build)
{
    /// <summary>Median and least seconds of a run.</summary>
    public (double Median, double Best) Time(int threads, double seconds)
    {
        var graph = new Graph();
        graph.Output(Build(graph));
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = threads });
        var random = new Random(1);
        GraphBuffer[] inputs = [.. graph.Inputs.Select(i => new GraphBuffer(i))], outputs = [.. graph.Outputs.Select(o => new GraphBuffer(o))];
        try
        {
            foreach (GraphBuffer input in inputs)
            {
                if (input.Type != ElementType.Float32) continue;
                foreach (ref float element in input.As<float>()) element = random.NextSingle() - 0.5f;
            }

            var times = new List<double>();
            session.Run(inputs, outputs);
            for (double spent = 0; spent < seconds || times.Count < 5;)
            {
                long start = Stopwatch.GetTimestamp();
                session.Run(inputs, outputs);
                times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                spent += times[^1];
            }

            times.Sort();
            return (times[times.Count / 2], times[0]);
        }
        finally
        {
            foreach (GraphBuffer buffer in inputs.Concat(outputs)) buffer.Dispose();
        }
    }
}
