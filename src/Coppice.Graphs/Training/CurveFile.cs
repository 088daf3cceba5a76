using System.Globalization;

namespace Coppice.Graphs.Training;

/// <summary>Training curves as CSV: step, loss, learning rate, gradient norm, seconds, held-out result (empty if there was none).</summary>
public static class CurveFile
{
    private const string Header = "step,loss,rate,gradient_norm,seconds,held_out";

    /// <summary>Writes a curve; the file is there whole or as it was.</summary>
    /// <param name="path">The file.</param>
    /// <param name="points">The points.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(string path, IEnumerable<CurvePoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine(Header);
            foreach (CurvePoint p in points)
            {
                string held = double.IsNaN(p.Held) ? "" : p.Held.ToString("G9", CultureInfo.InvariantCulture);
                writer.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{p.Step},{p.Loss:G9},{p.Rate:G9},{p.GradientNorm:G9},{p.Seconds:F1},{held}"));
            }
        });
    }

    /// <summary>Reads a curve; lines that are not points are left out, and a file that is not there has none.</summary>
    /// <param name="path">The file.</param>
    public static IReadOnlyList<CurvePoint> Read(string path)
    {
        if (!File.Exists(path)) return [];
        var points = new List<CurvePoint>();
        foreach (string line in File.ReadLines(path))
        {
            string[] cells = line.Split(',');
            if (cells.Length != 6 || !long.TryParse(cells[0], out long step)) continue;
            double[] numbers = [.. cells[1..].Select(c => double.TryParse(c, CultureInfo.InvariantCulture, out double n) ? n : double.NaN)];
            points.Add(new CurvePoint(step, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]));
        }

        return points;
    }
}
