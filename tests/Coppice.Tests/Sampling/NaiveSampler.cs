using Coppice.Sampling;

namespace Coppice.Tests.Sampling;

/// <summary>Truncation as its definition says it: a full sort, then the three cuts, then the inverse distribution function.</summary>
internal static class NaiveSampler
{
    /// <summary>All tokens with their logits, in order.</summary>
    public static List<(int Token, double Logit)> Order(float[] logits)
    {
        var keys = logits.Select((logit, token) => (-(double)logit, token)).ToArray();
        Array.Sort(keys);
        return [.. keys.Select(key => (key.token, -key.Item1))];
    }

    /// <summary>The tokens that can be drawn, in order, with their weights.</summary>
    public static List<(int Token, double Weight)> Kept(List<(int Token, double Logit)> order, SamplingOptions options)
    {
        var kept = order.ConvertAll(t => (t.Token, Weight: Math.Exp((t.Logit - order[0].Logit) / options.Temperature)));
        if (options.TopK > 0) kept = kept[..Math.Min(options.TopK, kept.Count)];
        if (options.TopP < 1)
        {
            double target = options.TopP * kept.Sum(t => t.Weight), sum = 0;
            int count = 0;
            while (count < kept.Count && sum < target * (1 - 1e-6)) sum += kept[count++].Weight;
            kept = kept[..count];
        }

        return [.. kept.TakeWhile(t => t.Weight >= options.MinP * (1 - 1e-6))];
    }

    /// <summary>
    /// The tokens that may be drawn with a number: one, or several where the number is so close to a border that the
    /// rounding of the weights decides.
    /// </summary>
    public static List<int> Drawable(List<(int Token, double Weight)> kept, double uniform)
    {
        const double Rounding = 1e-6;
        double total = kept.Sum(t => t.Weight), sum = 0;
        var drawable = new List<int>();
        foreach (var (token, weight) in kept)
        {
            double from = sum / total;
            sum += weight;
            if (from <= uniform + Rounding && sum / total >= uniform - Rounding) drawable.Add(token);
        }

        return drawable;
    }
}
