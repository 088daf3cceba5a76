namespace Coppice.LlamaCpp;

/// <summary>llama.cpp refused a model, a context or a batch; the message ends with what it logged.</summary>
public sealed class LlamaCppException(string message) : Exception(message);
