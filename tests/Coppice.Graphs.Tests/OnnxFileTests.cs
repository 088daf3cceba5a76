using Google.Protobuf;

namespace Coppice.Graphs.Tests;

public sealed class OnnxFileTests
{
    [Fact]
    public void A_graph_that_was_written_and_read_computes_the_same_under_the_same_names()
    {
        Graph graph = Whole();
        Graph read = OnnxFile.Parse(OnnxFile.Serialize(graph));
        Assert.Equal(Names(graph), Names(read));
        Assert.Equal(graph.Name, read.Name);
        Assert.Equal(graph.Metadata, read.Metadata);
        Assert.Equal(graph.Nodes.Select(n => (n.Name, n.OperatorType, n.StopsGradient)), read.Nodes.Select(n => (n.Name, n.OperatorType, n.StopsGradient)));
        foreach ((Node before, Node after) in graph.Nodes.Zip(read.Nodes))
        {
            Assert.Equal(before.Inputs.Select(i => i?.Name), after.Inputs.Select(i => i?.Name));
            Assert.Equal(before.Attributes.Keys.Order(), after.Attributes.Keys.Order());
            foreach ((string name, object value) in before.Attributes) AssertEqual(value, after.Attributes[name]);
        }

        AssertSameResults(graph, read);
        // Once more: nothing is lost on the second way either.
        Assert.Equal(OnnxFile.Serialize(read), OnnxFile.Serialize(OnnxFile.Parse(OnnxFile.Serialize(read))));
    }

    [Fact]
    public void What_was_read_can_be_extended_and_differentiated_and_stops_stay()
    {
        Graph graph = Whole(), read = OnnxFile.Parse(OnnxFile.Serialize(graph));
        foreach (Graph one in (Graph[])[graph, read])
        {
            Value loss = one.Find("loss")!;
            Value[] parameters = [.. one.Parameters];
            foreach (Value gradient in Gradients.Of(loss, parameters)) one.Output(gradient);
        }

        AssertSameResults(graph, read);
        Assert.True(read.Find("stopped")!.Producer!.StopsGradient);
    }

    [Fact]
    public void Weights_that_are_given_are_stored_and_others_stay_inputs()
    {
        Graph graph = Whole();
        TensorData kernel = FiniteDifferences.Uniform(new Random(1), graph.Find("conv.kernel")!.Shape, -1, 1);
        Graph read = OnnxFile.Parse(OnnxFile.Serialize(graph, new Dictionary<string, TensorData> { ["conv.kernel"] = kernel }));
        Assert.Equal(ValueKind.Constant, read.Find("conv.kernel")!.Kind);
        Assert.Equal(kernel.Bytes.ToArray(), read.Find("conv.kernel")!.Data!.Bytes.ToArray());
        Assert.Equal(ValueKind.Parameter, read.Find("scale")!.Kind);
        var wrong = new Dictionary<string, TensorData> { ["scale"] = kernel };
        Assert.Contains("'scale'", Assert.Throws<GraphException>(() => OnnxFile.Serialize(graph, wrong)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_replaced_whole_and_its_stored_tensors_are_found_by_name()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("graph.onnx");
        File.WriteAllText(path, "old");
        // Longer than what is copied on the way.
        var graph = new Graph();
        TensorData large = FiniteDifferences.Uniform(new Random(1), new(50, 70), -1, 1);
        graph.Output(graph.Constant(large, "large") * 2);
        OnnxFile.Write(graph, path);
        Assert.Equal(OnnxFile.Serialize(graph), File.ReadAllBytes(path));
        Assert.Equal(large.Bytes.ToArray(), OnnxFile.ReadInitializers(path)["large"].Bytes.ToArray());
        Assert.Equal(graph.Nodes.Count, OnnxFile.Read(path).Nodes.Count);
        Assert.Equal(["graph.onnx"], folder.Names());
        File.WriteAllText(path, "no graph");
        Assert.Contains(path, Assert.Throws<GraphException>(() => OnnxFile.Read(path)).Message, StringComparison.Ordinal);
        Assert.Contains(path, Assert.Throws<GraphException>(() => OnnxFile.ReadInitializers(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_cut_off_anywhere_gives_one_error()
    {
        byte[] whole = OnnxFile.Serialize(Small());
        for (int length = 0; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];
            GraphException? error = Record(() => OnnxFile.Parse(cut));
            // Metadata is last; without it there is still a graph.
            if (error is null) Assert.True(length >= whole.Length - 40, $"{length} of {whole.Length} bytes were accepted");
            else Assert.DoesNotContain('\n', error.Message);
            Record(() => new GraphSession(cut).Dispose());
        }
    }

    [Fact]
    public void Bytes_that_were_flipped_give_a_graph_or_one_error_and_no_more_memory_than_the_file_s_worth()
    {
        byte[] whole = OnnxFile.Serialize(Small());
        var random = new Random(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        const int Tried = 20_000;
        int refused = 0;
        for (int i = 0; i < Tried; i++)
        {
            byte[] damaged = [.. whole];
            for (int flips = random.Next(1, 4); flips > 0; flips--) damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            if (Record(() => OnnxFile.Parse(damaged)) is not null) refused++;
        }

        Assert.InRange(refused, Tried / 10, Tried - 1);
        long each = (GC.GetAllocatedBytesForCurrentThread() - before) / Tried;
        Assert.True(each < 200 * whole.Length, $"{each} bytes for a file of {whole.Length}");
    }

    [Theory]
    [InlineData(long.MaxValue, 1)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(1L << 40, 1)]
    [InlineData(-1, 1)]
    [InlineData(1_000_000_000, 4)]
    public void Sizes_that_no_file_has_are_refused_by_name(long height, long width)
    {
        byte[] file = Message(o => Nested(o, 7, Message(graph => Nested(graph, 5, Message(tensor =>
        {
            foreach (long dim in (long[])[height, width]) Varint(tensor, 1, dim);
            Varint(tensor, 2, 1);
            Nested(tensor, 8, "huge"u8.ToArray());
            Nested(tensor, 9, new byte[16]);
        })))));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<GraphException>(() => OnnxFile.Parse(file, "f.onnx"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Lengths_within_that_reach_behind_the_end_are_refused()
    {
        byte[] inner = Message(graph => Nested(graph, 2, "name"u8.ToArray()));
        byte[] file = [.. Message(o => Nested(o, 7, inner)), .. Message(o => Varint(o, 1, 9))];
        file[1] = (byte)(file.Length + 10);
        Assert.Contains("f.onnx", Assert.Throws<GraphException>(() => OnnxFile.Parse(file, "f.onnx")).Message, StringComparison.Ordinal);
    }

    private static GraphException? Record(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (GraphException e)
        {
            return e;
        }
    }

    /// <summary>A graph with all kinds of values and attributes.</summary>
    private static Graph Whole()
    {
        var graph = new Graph("whole");
        graph.Metadata["classes"] = "road, sky";
        graph.Metadata["ключ"] = "값";
        Value x = graph.Input("x", new(2, 3, 6, 8)), labels = graph.Input("labels", new(2, 3, 4), ElementType.Int64);
        Value scale = graph.Parameter("scale", new(4));
        using (graph.Scope("conv")) x = x.Conv(graph.Parameter("kernel", new(4, 3, 3, 3)), null, new Window { Stride = 2, Padding = new(1, 0, 1, 2) });
        x = x.HardSigmoid(0.3f, 0.25f).LeakyRelu(0.125f) * x.StopGradient("stopped");
        x = x.LayerNormalization(graph.Constant(TensorData.Of<float>(new(4), [1, 2, 3, 4]), "layer")) * Operators.Unsqueeze(scale, [1, 2]);
        x = Operators.Concat(x.Split(1, [1, 3]), 1).Resize(new(3, 4), ResizeMode.Linear, ResizeCoordinates.AlignCorners, "resized");
        graph.Output(x);
        graph.Output(x.CrossEntropy(labels, name: "loss"));
        graph.Add("Constant", [], [(ElementType.Float32, new(2))], [("value_floats", new float[] { 1, 2 })], "floats");
        graph.Add("Constant", [], [(ElementType.Int64, new(1))], [("value", TensorData.Integers(5))], "tensor");
        return graph;
    }

    private static Graph Small()
    {
        var graph = new Graph("small");
        graph.Metadata["k"] = "v";
        Value x = graph.Input("x", new(2, 3)), w = graph.Parameter("w", new(3));
        graph.Output((x * w).Softmax(name: "y").Slice(1, 0, 2));
        return graph;
    }

    private static string[] Names(Graph graph) =>
    [
        .. graph.Inputs.Concat(graph.Parameters).Concat(graph.Constants).Concat(graph.Outputs).Select(v => $"{v.Kind} {v}"),
        .. graph.Nodes.SelectMany(n => n.Outputs).Select(v => v.ToString()),
    ];

    private static void AssertEqual(object expected, object found)
    {
        if (expected is TensorData tensor) Assert.Equal(tensor.Bytes.ToArray(), Assert.IsType<TensorData>(found).Bytes.ToArray());
        else Assert.Equal(expected, found);
    }

    private static void AssertSameResults(Graph one, Graph other)
    {
        var random = new Random(1);
        var given = one.Inputs.Concat(one.Parameters).Where(v => v.Type == ElementType.Float32)
            .ToDictionary(v => v.Name, v => FiniteDifferences.Uniform(random, v.Shape, -1, 1));
        given["labels"] = TensorData.Of<long>(new(2, 3, 4), [.. Enumerable.Range(0, 24).Select(i => (long)(i % 5))]);
        using var first = new GraphSession(one);
        using var second = new GraphSession(other);
        IReadOnlyDictionary<string, TensorData> expected = first.Run(given), found = second.Run(given);
        Assert.Equal(expected.Keys.Order(), found.Keys.Order());
        foreach (string name in expected.Keys) Assert.Equal(expected[name].Bytes.ToArray(), found[name].Bytes.ToArray());
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true)) write(output);
        return stream.ToArray();
    }

    private static void Varint(CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    private static void Nested(CodedOutputStream output, int field, byte[] bytes)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes));
    }
}
