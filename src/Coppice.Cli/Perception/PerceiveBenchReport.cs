namespace Coppice.Cli.Perception;

/// <summary>What <c>perceive --bench</c> writes.</summary>
internal sealed record PerceiveBenchReport(
    string Variant, string Precision, int Width, int Height, int Threads, double FramesPerSecond, double MsPerFrame, double MedianMsPerFrame, long PeakRssBytes);
