namespace Coppice.Perception.Networks;

/// <summary>Which statistics batch normalization uses.</summary>
public enum NormalizationMode
{
    /// <summary>
    /// Those of the batch itself. The graph yields them as outputs, under the names that they have as parameters with
    /// <see cref="Running"/>: a trainer keeps their moving averages. At inference this is what the authors' script does (statistics of
    /// the test image).
    /// </summary>
    Batch,

    /// <summary>Stored ones, parameters of the graph: for inference.</summary>
    Running,
}
