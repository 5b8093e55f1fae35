"""Supabase: where the chat API's conversations can be kept."""
