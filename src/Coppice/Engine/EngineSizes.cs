using Coppice.Kernels.Attention;
using Coppice.Kv;
using Coppice.Model;

namespace Coppice;

/// <summary>What the options of an engine come to for a model.</summary>
internal static class EngineSizes
{
    private const int DefaultKvTokens = 32_768;

    /// <summary>Throws where an engine of that kind can't be.</summary>
    public static void Check(ModelConfig model, EngineOptions options)
    {
        // A step's rows are spans: their elements are counted in an int.
        int widest = Math.Max(Math.Max(model.Vocabulary, model.FeedForward), model.Heads * model.HeadDim);
        int most = int.MaxValue / widest - 64;
        RequestRejectedException.CheckRange(nameof(EngineOptions.MaxBranches), options.MaxBranches, 1, Math.Max(1, most));
        int widestRow = Math.Max(Math.Max(model.Width, model.FeedForward), model.Heads * model.HeadDim);
        RequestRejectedException.CheckRange("rows of a step", Scheduler.MaxRows(options), 1, int.MaxValue / widestRow);
        int multiple = options.KvType.HeadMultiple();
        if (model.HeadDim % multiple != 0)
            throw new RequestRejectedException($"keys and values as {options.KvType}", $"heads of a multiple of {multiple} elements", $"{model.HeadDim}");
    }

    /// <summary>Pages of keys and values.</summary>
    public static int PagesToTake(ModelConfig model, EngineOptions options)
    {
        if (options.KvBytes is long bytes)
        {
            long page = model.KvBytesPerToken(options.KvType) * KvStore.PageTokens;
            RequestRejectedException.CheckRange(nameof(EngineOptions.KvBytes), bytes, page, (1L << 28) / KvStore.PageTokens * page);
            return (int)(bytes / page);
        }

        long tokens = options.KvTokens ?? DefaultKvTokens;
        if (options.KvTokens is null)
        {
            long half = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
            tokens = Math.Clamp(half / model.KvBytesPerToken(options.KvType), 256, tokens);
        }

        return Segment.PagesFor(checked((int)tokens));
    }
}
