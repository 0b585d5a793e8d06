-- See ingest.store.moves.Moves.later.
local moves, found = key('moves', args.job), {}
local own = call('ZSCORE', moves, args.task)
if own then
  for _, task in ipairs(call('ZRANGEBYSCORE', moves, '(' .. own, '+inf')) do
    found[#found + 1] = call('HMGET', key('moved', args.job), task .. ' old', task .. ' new', task .. ' directory')
  end
end
return found
