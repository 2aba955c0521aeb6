# A cluster of one thread a worker: one request at a time.
workers ENV['WORKERS'].to_i
threads 1, 1
preload_app!
bind 'tcp://127.0.0.1:8080'
environment 'production'
raise_exception_on_sigterm false
