using Coppice.Graphs;

namespace Coppice.Perception.Networks;

/// <summary>What images an ImageNet classifier was trained on: (pixel * <see cref="Factor"/> - mean) / deviation in each channel.</summary>
/// <param name="Factor">1 for pixels from 0 to 255, 1 / 255 for pixels from 0 to 1.</param>
/// <param name="Mean">Of red, green and blue.</param>
/// <param name="Deviation">Of red, green and blue.</param>
public sealed record ImageScaling(float Factor, IReadOnlyList<float> Mean, IReadOnlyList<float> Deviation)
{
    /// <summary>Pixels from 0 to 1, less their mean, over their deviation: what most published classifiers take.</summary>
    public static ImageScaling Standard { get; } = new(1 / 255f, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    /// <summary>Pixels from 0 to 255 as they are.</summary>
    public static ImageScaling Pixels { get; } = new(1, [0, 0, 0], [1, 1, 1]);
}

/// <summary>
/// The backbone's weights from a classifier in ONNX form whose residual units are of the second kind (normalization, activation,
/// convolution). Layers are found by how the graph's operators follow one another, so that names in the file do not matter.
/// </summary>
public static class ImageNetWeights
{
    private const float PaperEpsilon = NetworkLayers.PaperEpsilon;

    /// <summary>Reads the weights of a ResNet-50 v2.</summary>
    /// <param name="path">The ONNX file.</param>
    /// <param name="scaling">What images it takes; null for <see cref="ImageScaling.Standard"/>.</param>
    /// <returns>Parameters of the scope <c>backbone</c> by name, running means and variances among them.</returns>
    /// <exception cref="GraphException">The file's graph is another one; the message says where it differs.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static IReadOnlyDictionary<string, TensorData> ReadResNet50(string path, ImageScaling? scaling = null) =>
        Read(path, ResNetPlan.Fifty, scaling ?? ImageScaling.Standard);

    internal static IReadOnlyDictionary<string, TensorData> Read(string path, ResNetPlan plan, ImageScaling scaling)
    {
        OnnxStructure file = OnnxFile.ReadStructure(path);
        try
        {
            return new Walk(file, plan).Collect(scaling);
        }
        catch (GraphException e)
        {
            throw new GraphException($"{path}: not the expected residual network: {e.Message}", e);
        }
    }

    /// <summary>Follows the file's graph from its image, and keeps what the layers store under our names.</summary>
    private sealed class Walk
    {
        private readonly OnnxStructure _file;
        private readonly ResNetPlan _plan;
        private readonly ILookup<string, OnnxNode> _consumers;
        private readonly Dictionary<string, TensorData> _weights = new(StringComparer.Ordinal);

        public Walk(OnnxStructure file, ResNetPlan plan)
        {
            _file = file;
            _plan = plan;
            _consumers = file.Nodes
                .SelectMany(n => n.Inputs.Distinct().Select(i => (Input: i, Node: n)))
                .ToLookup(p => p.Input, p => p.Node, StringComparer.Ordinal);
        }

        public Dictionary<string, TensorData> Collect(ImageScaling scaling)
        {
            if (_file.Inputs.Count != 1) throw new GraphException($"{_file.Inputs.Count} inputs; expected one, the image");
            string x = _file.Inputs[0];
            OnnxNode? data = _consumers[x].FirstOrDefault(n => n.Type == "BatchNormalization");
            AddData(data, scaling);
            x = Convolution(Only(data is null ? x : data.Outputs[0], "Conv"), "conv0", _plan.Stem, 3, 7);
            x = Only(Activation(x, "bn0"), "MaxPool").Outputs[0];
            for (int stage = 0; stage < _plan.Units.Length; stage++)
            {
                for (int unit = 0; unit < _plan.Units[stage]; unit++)
                {
                    int before = stage > 0 && unit == 0 ? _plan.Widths[stage - 1] : unit == 0 ? _plan.Stem : _plan.Widths[stage];
                    x = Unit(x, $"stage{stage + 1}.unit{unit + 1}.", before, _plan.Widths[stage], projected: unit == 0);
                }
            }

            return _weights;
        }

        private string Unit(string x, string name, int before, int width, bool projected)
        {
            string active = Activation(x, name + "bn1");
            OnnxNode[] convolutions = [.. _consumers[active].Where(n => n.Type == "Conv")];
            int expected = projected ? 2 : 1;
            if (convolutions.Length != expected) throw new GraphException($"{name}conv1: {convolutions.Length} convolutions; expected {expected}");
            OnnxNode first = convolutions.FirstOrDefault(n => _consumers[n.Outputs[0]].Any(c => c.Type == "BatchNormalization"))
                ?? throw new GraphException($"{name}conv1: no convolution before a BatchNormalization");
            int inside = _plan.Bottleneck ? width / 4 : width;
            string y = Convolution(first, name + "conv1", inside, before, _plan.Bottleneck ? 1 : 3);
            y = Convolution(Only(Activation(y, name + "bn2"), "Conv"), name + "conv2", inside, inside, 3);
            if (_plan.Bottleneck) y = Convolution(Only(Activation(y, name + "bn3"), "Conv"), name + "conv3", width, inside, 1);
            OnnxNode sum = Only(y, "Add");
            string shortcut = projected ? Convolution(convolutions.Single(c => c != first), name + "projection", width, before, 1) : x;
            if (!sum.Inputs.Contains(shortcut)) throw new GraphException($"{sum}: it does not add '{shortcut}'");
            return sum.Outputs[0];
        }

        /// <summary>Normalization and ReLU; a pad before a pooling operator or the like is not looked for.</summary>
        private string Activation(string x, string name)
        {
            OnnxNode node = Only(x, "BatchNormalization");
            foreach ((string part, int input) in ((string, int)[])[("scale", 1), ("bias", 2), ("mean", 3), ("variance", 4)])
                _weights[$"backbone.{name}.{part}"] = Stored(node, input);
            float epsilon = Epsilon(node);
            if (epsilon != PaperEpsilon) _weights[$"backbone.{name}.variance"] = Map(Stored(node, 4), v => v + epsilon - PaperEpsilon);
            return Only(node.Outputs[0], "Relu").Outputs[0];
        }

        private string Convolution(OnnxNode node, string name, int results, int channels, int kernel)
        {
            TensorData weight = Stored(node, 1);
            Shape expected = new(results, channels, kernel, kernel);
            if (weight.Shape != expected) throw new GraphException($"{node}: {name} is {weight.Shape}; expected {expected}");
            if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
                throw new GraphException($"{node}: {name} has a bias; expected none, and normalizations that are not folded");
            _weights[$"backbone.{name}.weight"] = weight;
            return node.Outputs[0];
        }

        /// <summary>
        /// The file's scaling and its normalization of the image, as the normalization of an image less <see cref="ResNet.ImageMean"/> with
        /// scale 1: both are a factor and an offset in each channel.
        /// </summary>
        private void AddData(OnnxNode? node, ImageScaling scaling)
        {
            var mean = new float[3];
            var variance = new float[3];
            for (int c = 0; c < 3; c++)
            {
                float inner = node is null ? 0 : Stored(node, 3).As<float>()[c];
                float spread = node is null ? 1 : Stored(node, 1).As<float>()[c] / MathF.Sqrt(Stored(node, 4).As<float>()[c] + Epsilon(node));
                float factor = scaling.Factor / scaling.Deviation[c];
                mean[c] = ((scaling.Mean[c] / scaling.Deviation[c]) + inner) / factor - ResNet.ImageMean[c];
                float deviation = 1 / (factor * spread);
                variance[c] = (deviation * deviation) - PaperEpsilon;
            }

            _weights["backbone.data.mean"] = TensorData.Of<float>(new(3), mean);
            _weights["backbone.data.variance"] = TensorData.Of<float>(new(3), variance);
            _weights["backbone.data.bias"] = node is null ? TensorData.Of<float>(new(3), new float[3]) : Stored(node, 2);
        }

        private OnnxNode Only(string value, string type)
        {
            OnnxNode[] found = [.. _consumers[value].Where(n => n.Type == type)];
            if (found.Length == 1) return found[0];
            string others = string.Join(", ", _consumers[value].Select(n => n.ToString()));
            throw new GraphException($"behind '{value}' come {(others.Length == 0 ? "no operators" : others)}; expected one {type}");
        }

        private TensorData Stored(OnnxNode node, int input)
        {
            if (input < node.Inputs.Count && _file.Initializers.TryGetValue(node.Inputs[input], out TensorData? data) && data.Type == ElementType.Float32)
                return data;
            throw new GraphException($"{node}: input {input} is not stored as 32-bit floating point");
        }

        private static float Epsilon(OnnxNode node) => node.Attributes.TryGetValue("epsilon", out object? e) && e is float epsilon ? epsilon : 1e-5f;

        private static TensorData Map(TensorData data, Func<float, float> function) =>
            TensorData.Of<float>(data.Shape, Array.ConvertAll(data.As<float>().ToArray(), e => function(e)));
    }
}
