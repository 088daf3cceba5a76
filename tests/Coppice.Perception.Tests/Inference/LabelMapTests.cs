using Coppice.Perception.Inference;

namespace Coppice.Perception.Tests.Inference;

public sealed class LabelMapTests
{
    [Theory]
    [InlineData(5, 6, 8, 1, 32, 24)]
    [InlineData(3, 6, 8, 1, 31, 21)]
    [InlineData(4, 5, 7, 1, 100, 13)]
    [InlineData(2, 1, 1, 1, 3, 3)]
    [InlineData(5, 6, 8, 2, 32, 24)]
    [InlineData(3, 2, 10, 2, 31, 7)]
    public void Labels_are_those_of_scores_interpolated_everywhere(int classes, int rows, int columns, int parts, int width, int height)
    {
        var random = new Random(rows);
        float[] scores = [.. Enumerable.Range(0, classes * rows * columns).Select(i => random.NextSingle() + (i / (rows * columns) == i % columns / 3 ? 1.5f : 0))];
        var labels = new byte[width * height];
        float usedRows = rows - 0.25f, usedColumns = columns - 0.5f, offset = width % 2 / 8f;
        var map = new LabelMap(classes, rows / parts, columns / parts, parts, usedRows, usedColumns, offset);
        map.Write(new float[scores.Length], labels, width, height);
        map.Write(Apart(scores, classes, rows, columns, parts), labels, width, height);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                double[] here = [.. Enumerable.Range(0, classes).Select(c => Slow(scores, c, rows, columns, (y + 0.5) / height * usedRows - 0.5 - offset, (x + 0.5) / width * usedColumns - 0.5 - offset))];
                Assert.True(here[labels[(y * width) + x]] >= here.Max() - 1e-5, $"pixel {x}, {y}");
            }
        }
    }

    /// <summary>The scores as the last layer leaves them, parts of cells as channels.</summary>
    private static float[] Apart(float[] scores, int classes, int rows, int columns, int parts)
    {
        var apart = new float[scores.Length];
        for (int at = 0; at < scores.Length; at++)
        {
            int x = at % columns, y = at / columns % rows, c = at / columns / rows, channel = ((((y % parts) * parts) + (x % parts)) * classes) + c;
            apart[(((channel * (rows / parts)) + (y / parts)) * (columns / parts)) + (x / parts)] = scores[at];
        }

        return apart;
    }

    private static double Slow(float[] scores, int c, int rows, int columns, double y, double x)
    {
        (y, x) = (Math.Clamp(y, 0, rows - 1), Math.Clamp(x, 0, columns - 1));
        double sum = 0;
        for (int r = 0; r < rows; r++)
        {
            for (int k = 0; k < columns; k++)
                sum += scores[(((c * rows) + r) * columns) + k] * Math.Max(0, 1 - Math.Abs(r - y)) * Math.Max(0, 1 - Math.Abs(k - x));
        }

        return sum;
    }
}
