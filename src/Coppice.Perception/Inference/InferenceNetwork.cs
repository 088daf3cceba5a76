using System.Text.Json;
using Coppice.Graphs;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Inference;

/// <summary>Graphs for inference from a network's weights, and the ranges that eight bits need.</summary>
internal static class InferenceNetwork
{
    /// <summary>Under which the ranges are kept beside the weights.</summary>
    public const string RangesKey = "perception.ranges";

    public const string Image = "image", Classes = "classes", Boxes = "boxes", Labels = "labels";

    /// <summary>The network with its weights stored.</summary>
    /// <param name="config">At the size of the image.</param>
    /// <param name="weights">By name.</param>
    /// <param name="foldImage">
    /// Whether what is done to the channels first is left to the caller, and what is done to the scores of quarters of cells last.
    /// </param>
    public static FoldedGraph Fold(PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, bool foldImage)
    {
        var graph = new Graph("perception");
        Value image = graph.Input(Image, new(1, 3, config.Height, config.Width));
        PerceptionOutputs outputs = PerceptionNetwork.Build(graph, image, config, NormalizationMode.Running);
        if (outputs.Classes is { } classes) graph.Output(classes.Identity(Classes));
        if (outputs.Boxes is { } boxes) graph.Output(boxes.Identity(Boxes));
        if (outputs.Labels is { } labels) graph.Output((foldImage && Parts(config) > 1 ? labels.Producer!.Input(0) : labels).Identity(Labels));
        return FoldedGraph.Of(graph, weights, foldImage);
    }

    /// <summary>Rows, and columns, of scores for the classes of pixels in each cell of the last layer.</summary>
    public static int Parts(PerceptionConfig config) => FastNetwork.CellSide / config.LabelStride;

    /// <summary>Mean ranges of a folded graph's tensors over images.</summary>
    /// <param name="folded">The graph; the tensors become its outputs.</param>
    /// <param name="images">Each [1, 3, height, width] as the graph takes it.</param>
    /// <param name="run">How it is run.</param>
    public static IReadOnlyDictionary<string, ValueRange> Calibrate(FoldedGraph folded, IEnumerable<TensorData> images, GraphRunOptions run)
    {
        IReadOnlyList<(string Key, Value Tensor)> tensors = QuantizedGraph.Tensors(folded);
        foreach ((string _, Value tensor) in tensors)
        {
            if (tensor.Kind == ValueKind.Computed) folded.Graph.Output(tensor);
        }

        using var session = new GraphSession(folded.Graph, run);
        GraphBuffer[] inputs = session.NewInputs(), outputs = session.NewOutputs();
        try
        {
            Dictionary<string, GraphBuffer> found = session.OutputNames.Zip(outputs).Append((Image, inputs.Single())).ToDictionary(StringComparer.Ordinal);
            var sums = new Dictionary<string, (double Low, double High)>(StringComparer.Ordinal);
            ILookup<string, Value> byKey = tensors.ToLookup(t => t.Key, t => t.Tensor);
            int count = 0;
            foreach (TensorData image in images)
            {
                count++;
                inputs[0].Load(image);
                session.Run(inputs, outputs);
                foreach (IGrouping<string, Value> parts in byKey)
                {
                    ValueRange range = default;
                    foreach (Value part in parts) range = Widened(range, found[part.Kind == ValueKind.Computed ? part.Name : Image].As<float>());
                    (double lows, double highs) = sums.GetValueOrDefault(parts.Key);
                    sums[parts.Key] = (lows + range.Low, highs + range.High);
                }
            }

            if (count == 0) throw new GraphException("calibration: expected one image or more, found none");
            return sums.ToDictionary(s => s.Key, s => new ValueRange((float)(s.Value.Low / count), (float)(s.Value.High / count)), StringComparer.Ordinal);
        }
        finally
        {
            foreach (GraphBuffer buffer in inputs.Concat(outputs)) buffer.Dispose();
        }
    }

    private static ValueRange Widened(ValueRange range, ReadOnlySpan<float> elements)
    {
        (float low, float high) = (range.Low, range.High);
        foreach (float element in elements) (low, high) = (Math.Min(low, element), Math.Max(high, element));
        return new(low, high);
    }

    /// <summary>Ranges as a text: an object of pairs.</summary>
    public static string WriteRanges(IReadOnlyDictionary<string, ValueRange> ranges)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            foreach ((string name, ValueRange range) in ranges.OrderBy(r => r.Key, StringComparer.Ordinal))
            {
                json.WriteStartArray(name);
                json.WriteNumberValue(range.Low);
                json.WriteNumberValue(range.High);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Ranges of a file of weights.</summary>
    /// <exception cref="GraphException">There are none, or they are damaged.</exception>
    public static IReadOnlyDictionary<string, ValueRange> ReadRanges(IReadOnlyDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue(RangesKey, out string? text))
            throw new GraphException("the weights hold no ranges for int8; 'coppice perceive --calibrate' finds them on images");
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.EnumerateObject().ToDictionary(
                p => p.Name, p => new ValueRange(p.Value[0].GetSingle(), p.Value[1].GetSingle()), StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or IndexOutOfRangeException or ArgumentException)
        {
            throw new GraphException($"metadata '{RangesKey}': expected pairs of numbers by name, found {e.Message}", e);
        }
    }
}
