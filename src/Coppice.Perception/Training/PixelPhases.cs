using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// Scores at the middles of a quarter of the pixels, another quarter in each step: of every 2x2 block the pixel that lies (step / 2 % 2, step % 2)
/// below and to the right of its first. Scores are interpolated as in use, so that over four steps all pixels teach what is asked of them
/// later, for a quarter of the work. Always the same pixel of a block would put borders half a pixel off and know no thin things.
/// </summary>
internal sealed class PixelPhases
{
    private readonly Value _rows, _columns;
    private readonly float[][] _rowMatrices, _columnMatrices;

    /// <summary>Adds the interpolation to a graph; its two matrices are inputs.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="scores">[batch, classes, rows, columns] at the config's stride.</param>
    /// <param name="config">Size of the image and stride of the scores.</param>
    public PixelPhases(Graph graph, Value scores, PerceptionConfig config)
    {
        (_rowMatrices, _columnMatrices) = (Matrices(scores.Shape[2], config.LabelStride, config.Height, false), Matrices(scores.Shape[3], config.LabelStride, config.Width, true));
        using IDisposable scope = graph.Scope("phase");
        _rows = graph.Input("rows", new((config.Height + 1) / 2, scores.Shape[2]));
        _columns = graph.Input("columns", new(scores.Shape[3], (config.Width + 1) / 2));
        Scores = _rows.MatMul(scores.MatMul(_columns));
    }

    /// <summary>[batch, classes, (height + 1) / 2, (width + 1) / 2].</summary>
    public Value Scores { get; }

    /// <summary>Row and column in each 2x2 block that a step learns.</summary>
    public static (int Row, int Column) Of(long step) => ((int)(step >> 1) & 1, (int)step & 1);

    /// <summary>The pixel of an axis that block <paramref name="block"/> stands for: the last axis' blocks may be cut.</summary>
    public static int Pixel(int block, int phase, int pixels) => Math.Min((2 * block) + phase, pixels - 1);

    /// <summary>Gives a trainer the matrices of a step.</summary>
    public void Load(Trainer trainer, long step)
    {
        (int row, int column) = Of(step);
        _rowMatrices[row].CopyTo(trainer.Buffer(_rows).As<float>());
        _columnMatrices[column].CopyTo(trainer.Buffer(_columns).As<float>());
    }

    /// <summary>For both phases the matrix [blocks, points], or its transpose.</summary>
    private static float[][] Matrices(int points, int stride, int pixels, bool transpose)
    {
        float[,] whole = ResizeMatrix.Of(points, points * stride, ResizeMode.Linear, ResizeCoordinates.HalfPixel);
        int blocks = (pixels + 1) / 2;
        return [.. Enumerable.Range(0, 2).Select(phase =>
        {
            var matrix = new float[blocks * points];
            for (int block = 0; block < blocks; block++)
            {
                for (int point = 0; point < points; point++)
                    matrix[transpose ? (point * blocks) + block : (block * points) + point] = whole[Pixel(block, phase, pixels), point];
            }

            return matrix;
        })];
    }
}
