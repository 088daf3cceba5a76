using Coppice.Kernels;
using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

public sealed class RealGgufTests
{
    [Theory]
    [InlineData("stories260K-f32.gguf", TensorType.F32)]
    [InlineData("stories260K-F16.gguf", TensorType.F16)]
    [InlineData("stories260K-Q8_0.gguf", TensorType.Q8_0)]
    [InlineData("stories260K-Q4_0.gguf", TensorType.Q4_0)]
    public void A_real_model_opens_with_its_shape_and_weights(string name, TensorType weights)
    {
        using GgufFile file = GgufFile.Open(SharedData.File($"stories260K/{name}"));
        Assert.Equal("llama", file.Metadata.GetString("general.architecture"));
        Assert.Equal(5, file.Metadata.GetInt("llama.block_count"));
        Assert.Equal(8, file.Metadata.GetInt("llama.attention.head_count"));
        Assert.Equal(4, file.Metadata.GetLong("llama.attention.head_count_kv"));
        Assert.Equal(512, file.Metadata.Strings("tokenizer.ggml.tokens").Count);
        Assert.Equal(512, file.Metadata.Floats("tokenizer.ggml.scores").Length);
        Assert.Equal(512, file.Metadata.Ints("tokenizer.ggml.token_type").Length);
        Assert.InRange(file.Metadata.GetFloat("llama.attention.layer_norm_rms_epsilon"), 1e-6f, 1e-4f);

        GgufTensor gate = file.GetTensor("blk.0.ffn_down.weight");
        Assert.Equal(64, gate.Dimensions[1]);
        Assert.Equal(gate.Elements, gate.RowLength * gate.Rows);
        Assert.Equal(TensorType.F32, file.GetTensor("output_norm.weight").Type);
        Assert.Contains(file.Tensors, tensor => tensor.Type == weights);
        foreach (GgufTensor tensor in file.Tensors)
        {
            NativeBytes data = file.Data(tensor);
            Assert.Equal(TensorTypes.Bytes(tensor.Type, tensor.Elements), data.Length);
            Assert.Equal(0, tensor.Offset % file.Alignment);
        }
        Assert.Equal(file.Tensors.Sum(tensor => tensor.Bytes), file.DataBytes);
    }

    [Fact]
    public void Vocabularies_open_without_tensors_and_give_every_token()
    {
        foreach (string path in SharedData.Files("tokenizers", "*.gguf"))
        {
            using GgufFile file = GgufFile.Open(path);
            Assert.Empty(file.Tensors);
            IReadOnlyList<string> tokens = file.Metadata.Strings("tokenizer.ggml.tokens");
            IReadOnlyList<ReadOnlyMemory<byte>> raw = file.Metadata.ByteStrings("tokenizer.ggml.tokens");
            Assert.True(tokens.Count > 30000, path);
            Assert.Equal(tokens.Count, raw.Count);
            Assert.Equal(System.Text.Encoding.UTF8.GetString(raw[^1].Span), tokens[^1]);
            Assert.Equal(tokens.Count, file.Metadata.Ints("tokenizer.ggml.token_type").Length);
        }
    }
}
